package launch

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// newSecret returns the bytes that the hosts of this job, and nobody else, will know.
func newSecret() []byte {
	secret := make([]byte, secretSize)
	// Never fails: a system without randomness ends the process inside.
	_, _ = rand.Read(secret)
	return secret
}

// A child is a host that this process has started, with our ends of all that connects us.
type child struct {
	pid     int
	control int    // non-blocking
	streams [2]int // read ends of its standard output and error
}

// spawn starts host rank. It must be called from the locked thread in which Supervise runs, whose end is the child's end: the
// kernel sends SIGKILL to a child when the *thread* that made it is gone.
func spawn(rank, null int, argv, env []string) (c child, err error) {
	var ours, theirs [3]int // control, standard output, standard error
	for i := range ours {
		ours[i], theirs[i] = -1, -1
	}
	defer func() {
		closeAll(theirs[:])
		if err != nil {
			closeAll(ours[:])
		}
	}()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return child{}, fmt.Errorf("create a control connection: %w", err)
	}
	ours[0], theirs[0] = pair[0], pair[1]
	if err := unix.SetNonblock(ours[0], true); err != nil {
		return child{}, fmt.Errorf("create a control connection: %w", err)
	}
	for i := 1; i < 3; i++ {
		var pipe [2]int
		if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
			return child{}, fmt.Errorf("create a pipe: %w", err)
		}
		ours[i], theirs[i] = pipe[0], pipe[1]
	}
	const control = 3 // the descriptor's number in the child
	pid, err := syscall.ForkExec(program(), argv, &syscall.ProcAttr{
		Env:   append(env[:len(env):len(env)], fmt.Sprintf("%s=%d,%d", envControl, control, os.Getpid())),
		Files: []uintptr{uintptr(null), uintptr(theirs[1]), uintptr(theirs[2]), control: uintptr(theirs[0])},
		Sys:   &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		return child{}, fmt.Errorf("start host %d: %w", rank, err)
	}
	return child{pid: pid, control: ours[0], streams: [2]int{ours[1], ours[2]}}, nil
}

func closeAll(fds []int) {
	for _, fd := range fds {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
}

// watchChild has the end of a child noticed through a pidfd too, where there are any. SIGCHLD alone would do, if tools that
// are linked into the program (sanitizers are) did not come between signals and their handlers.
func watchChild(l *loop, pid int, ended func(pid int, status unix.WaitStatus)) error {
	fd, err := pidfdOpen(pid, 0)
	if err != nil {
		return nil
	}
	return l.watch(fd, func() {
		l.unwatch(fd)
		_ = unix.Close(fd)
		reap(ended)
	})
}

// catchSignals has a process that watches over hosts survive the signals that a terminal or a shell sends to the whole job, so
// that it can see them to their end; caught is called for each. It catches and drops them instead of ignoring them, because
// children inherit what is ignored; for the same reason it leaves alone what the user chose to ignore, as nohup does.
func catchSignals(l *loop, ended func(pid int, status unix.WaitStatus), caught func(number unix.Signal)) {
	signals := make(chan os.Signal, 64)
	for _, number := range []os.Signal{unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGHUP, unix.SIGTSTP,
		unix.SIGTTOU, unix.SIGTTIN, unix.SIGPIPE, unix.SIGUSR1, unix.SIGUSR2} {
		if !signal.Ignored(number) {
			signal.Notify(signals, number)
		}
	}
	signal.Notify(signals, unix.SIGCHLD)
	go func() {
		for s := range signals {
			number := s.(unix.Signal)
			l.post(func() {
				if number == unix.SIGCHLD {
					reap(ended)
				} else {
					caught(number)
				}
			})
		}
	}()
}

// reap collects every child that has ended and calls ended for it.
func reap(ended func(pid int, status unix.WaitStatus)) {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		ended(pid, status)
	}
}
