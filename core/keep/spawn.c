/*
 * spawn.c - starts the program that is kept, and ends as it did.
 *
 * In C since Go starts processes with the signals blocked that the thread had when it entered Go, and the keeper blocks those that it
 * passes on.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "spawn.h"

static void set_mask(unsigned long mask)
{
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof mask);
}

pid_t jia_keep_spawn(const char *path, char **argv, char **envp, unsigned long mask)
{
	pid_t keeper = getpid(), pid;
	int failed = 0, result[2];

	if (pipe2(result, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != keeper)
			_exit(1);
		set_mask(mask);
		execve(path, argv, envp);
		failed = errno;
		if (write(result[1], &failed, sizeof failed) < 0)
			_exit(126);
		_exit(127);
	}
	if (pid < 0)
		failed = errno;
	close(result[1]);
	while (pid > 0 && read(result[0], &failed, sizeof failed) < 0 && errno == EINTR)
		; /* its end without a word is a good one */
	close(result[0]);
	return failed ? -failed : pid;
}

void jia_keep_die(int number)
{
	const struct rlimit none = { 0, 0 };
	struct sigaction standard = { .sa_handler = SIG_DFL };

	setrlimit(RLIMIT_CORE, &none);
	sigaction(number, &standard, NULL);
	set_mask(0);
	kill(getpid(), number);
}
