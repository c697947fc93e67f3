/*
 * spawn.c - catches signals, starts the program that is kept, and ends as it did.
 *
 * In C since Go does not tell where a signal came from, and starts processes with the signals blocked that its threads have. The
 * terminal's signals go to the program as well: passed on, it would have them twice.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
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

/*
 * Those that mean something to programs. The ones that stop processes are not among them: a shell has to see the keeper stop, and the
 * program has them from the terminal.
 */
static const int passed[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGXCPU };

#define PASSED (sizeof passed / sizeof *passed)

static struct sigaction found[PASSED]; /* before jia_keep_catch */
static int children_ignored;	       /* SIGCHLD was, so that nobody could have learned how a child has ended */
static int caught[2];		       /* a pipe */
static int runs;		       /* atomic: handlers read it */

static void catch(int number, siginfo_t *info, void *context)
{
	struct jia_keep_signal s = { number, info->si_code == SI_KERNEL, __atomic_load_n(&runs, __ATOMIC_SEQ_CST) };
	int before = errno;

	(void)context;
	if (write(caught[1], &s, sizeof s) < 0)
		errno = before; /* it is full of signals that nobody has looked at yet */
	errno = before;
}

static int ignored(const struct sigaction *action)
{
	return !(action->sa_flags & SA_SIGINFO) && action->sa_handler == SIG_IGN;
}

int jia_keep_catch(void)
{
	struct sigaction action = { .sa_sigaction = catch, .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK };
	struct sigaction standard = { .sa_handler = SIG_DFL }, children;
	sigset_t set;
	size_t i;

	if (pipe2(caught, O_CLOEXEC) || fcntl(caught[1], F_SETFL, O_NONBLOCK))
		return -errno;
	sigemptyset(&set);
	for (i = 0; i < PASSED; i++) {
		if (sigaction(passed[i], NULL, &found[i]) || ignored(&found[i]))
			continue;
		sigaction(passed[i], &action, NULL);
		sigaddset(&set, passed[i]);
	}
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	children_ignored = sigaction(SIGCHLD, NULL, &children) == 0 && ignored(&children);
	if (children_ignored)
		sigaction(SIGCHLD, &standard, NULL);
	return caught[0];
}

/* as_before gives the signals their meaning in a new program. */
static void as_before(void)
{
	struct sigaction standard = { .sa_handler = SIG_DFL }, nothing = { .sa_handler = SIG_IGN };
	size_t i;

	for (i = 0; i < PASSED; i++)
		if (!ignored(&found[i]))
			sigaction(passed[i], &standard, NULL);
	if (children_ignored)
		sigaction(SIGCHLD, &nothing, NULL);
}

pid_t jia_keep_spawn(const char *path, char **argv, char **envp, unsigned long mask, int death)
{
	pid_t keeper = getpid(), pid;
	sigset_t all, before;
	int failed = 0, result[2];

	if (pipe2(result, O_CLOEXEC))
		return -errno;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	__atomic_add_fetch(&runs, 1, __ATOMIC_SEQ_CST); /* before the child: none that has a signal itself gets it passed on */
	pid = fork();
	if (pid == 0) {
		as_before();
		prctl(PR_SET_PDEATHSIG, (unsigned long)death);
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
	pthread_sigmask(SIG_SETMASK, &before, NULL);
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
	prctl(PR_SET_DUMPABLE, 0UL); /* where the kernel gives core files to a program, it asks for no limit */
	sigaction(number, &standard, NULL);
	set_mask(~(1UL << (number - 1))); /* others may wait, such as SIGPIPE */
	kill(getpid(), number);
}
