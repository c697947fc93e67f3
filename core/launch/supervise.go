package launch

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"

	"golang.org/x/sys/unix"
)

// The descriptors that a supervisor is started with, fixed so that nothing has to be said about them. The first three
// are /dev/null: constructors of the program run in the supervisor too, and what they print would show up twice.
// cabi/supervise.c closes all others, which may be pipes or locks of the program.
const (
	fdControl = 3 + iota // host 0's control connection
	fdOut                // read end of host 0's standard output
	fdErr                // and of its standard error
	fdPid                // pidfd of host 0, or /dev/null: see message.Pidfd
	fdStdout             // the real standard output
	fdStderr             // and standard error
	fdCount
)

// Supervise is the whole life of the supervisor, the process that Start makes. It returns when the job is over, with
// the status to exit with. Only for the process whose environment has EnvSupervisor, before anything else runs there.
func Supervise() int {
	runtime.LockOSThread() // for ever: see spawn
	s, err := newSupervisor()
	if err != nil {
		refuse(err)
		return 1
	}
	go func() {
		if err := s.relay.run(); err != nil {
			s.loop.post(func() { s.fail(err.Error()) })
		}
	}()
	if err := s.loop.run(); err != nil {
		return 1 // our end ends the hosts
	}
	return 0
}

// refuse tells host 0 why the job cannot start. If that fails too it will find the connection closed.
func refuse(err error) {
	refusal := message{Kind: kindRefused, Line: OneLine(err.Error())}
	_ = unix.Sendto(fdControl, refusal.encode(), unix.MSG_NOSIGNAL, nil)
}

// newSupervisor takes over the descriptors, hears from host 0 what to start, and starts it. On an error the caller
// must exit, which ends the hosts that have been started.
func newSupervisor() (*supervisor, error) {
	s := &supervisor{pidfd: fdPid}
	env := withoutRoles()
	if err := os.Unsetenv(EnvSupervisor); err != nil {
		return nil, err
	}
	for fd := fdControl; fd < fdCount; fd++ {
		unix.CloseOnExec(fd)
	}
	// From here on a panic of this process can be seen.
	if err := unix.Dup3(fdStderr, 2, 0); err != nil {
		return nil, fmt.Errorf("take over standard error: %w", err)
	}
	first := &member{rank: 0, control: fdControl}
	start, err := receiveStart(first)
	if err != nil {
		return nil, err
	}
	if !start.Pidfd {
		s.pidfd = -1
	}
	if err := raiseDescriptorLimit(start.Size); err != nil {
		return nil, err
	}
	if s.null, err = unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0); err != nil {
		return nil, fmt.Errorf("open /dev/null: %w", err)
	}
	if s.loop, err = newLoop(); err != nil {
		return nil, err
	}
	s.relay, err = newRelay(fdStdout, fdStderr, func(k *sink) { s.loop.post(func() { s.outputLost(k) }) })
	if err != nil {
		return nil, err
	}
	s.catchSignals()
	first.pid = start.Pid
	first.streams = s.relay.add(fdOut, fdErr, start.Prompt)
	s.members = append(s.members, first)
	if err := s.startOthers(start, env); err != nil {
		return nil, err
	}
	return s, s.listen()
}

// receiveStart reads host 0's first message, blocking. The socket's time limit is the only defence against a host 0
// that stops at that moment, and enough: nothing else exists yet.
func receiveStart(first *member) (message, error) {
	timeout := unix.NsecToTimeval(welcomeLimit.Nanoseconds())
	if err := unix.SetsockoptTimeval(fdControl, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		return message{}, fmt.Errorf("the control connection: %w", err)
	}
	buf := make([]byte, 4096)
	for {
		n, err := unix.Read(fdControl, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n == 0 {
			return message{}, fmt.Errorf("host 0 has said nothing (%d bytes, error %w)", n, err)
		}
		if err := first.input.add(buf[:n]); err != nil {
			return message{}, err
		}
		if line := first.input.next(); line != nil {
			msg, err := decode(line)
			if err == nil && msg.Kind != kindStart {
				err = fmt.Errorf("host 0 began with a %q", msg.Kind)
			}
			return msg, err
		}
	}
}

// startOthers starts hosts 1 and up, and welcomes everybody once they all exist.
func (s *supervisor) startOthers(start message, env []string) error {
	argv, err := arguments()
	if err != nil {
		return err
	}
	for rank := 1; rank < start.Size; rank++ {
		m, err := s.spawn(rank, argv, env)
		if err != nil {
			return err
		}
		s.members = append(s.members, m)
	}
	welcome := message{Kind: kindWelcome, Version: protocolVersion, Size: start.Size, Pid: os.Getpid(),
		Secret: newSecret(), Terminal: isTerminal(fdStdout)}
	for _, m := range s.members {
		welcome.Rank = m.rank
		s.send(m, welcome)
	}
	return nil
}

// listen registers everything that can happen with the loop.
func (s *supervisor) listen() error {
	for _, m := range s.members {
		if err := errors.Join(unix.SetNonblock(m.control, true),
			s.loop.watch(m.control, func() { s.readControl(m) }),
			s.watchChild(m)); err != nil {
			return err
		}
	}
	if s.pidfd < 0 {
		return nil
	}
	return s.loop.watch(s.pidfd, func() {
		s.loop.unwatch(s.pidfd)
		s.firstEnded()
	})
}

// watchChild has the end of a child noticed through a pidfd too, where there are any. SIGCHLD alone would do, if tools that
// are linked into the program (sanitizers are) did not come between signals and their handlers.
func (s *supervisor) watchChild(m *member) error {
	if m.rank == 0 {
		return nil
	}
	fd, err := pidfdOpen(m.pid, 0)
	if err != nil {
		return nil
	}
	return s.loop.watch(fd, func() {
		s.loop.unwatch(fd)
		_ = unix.Close(fd)
		reap(s.childEnded)
	})
}

// catchSignals has this process survive the signals that a terminal or a shell sends to the whole job, so that it can
// see the hosts to their end. It catches and drops them instead of ignoring them, because children inherit what is
// ignored; for the same reason it leaves alone what the user chose to ignore, as nohup does.
func (s *supervisor) catchSignals() {
	signals := make(chan os.Signal, 64)
	for _, number := range []os.Signal{unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGHUP, unix.SIGTSTP,
		unix.SIGTTOU, unix.SIGTTIN, unix.SIGPIPE, unix.SIGUSR1, unix.SIGUSR2} {
		if !signal.Ignored(number) {
			signal.Notify(signals, number)
		}
	}
	signal.Notify(signals, unix.SIGCHLD)
	go func() {
		for caught := range signals {
			number := caught.(unix.Signal)
			s.loop.post(func() {
				switch {
				case number == unix.SIGCHLD:
					reap(s.childEnded)
				case fromTerminal(number):
					s.terminalSignal(number)
				}
			})
		}
	}()
}

// raiseDescriptorLimit makes room for the descriptors of a large job. The hosts inherit the higher limit.
func raiseDescriptorLimit(size int) error {
	const perHost, others = 4, 64
	need := uint64(perHost*size + others)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("the limit of open files: %w", err)
	}
	if limit.Cur >= need {
		return nil
	}
	if limit.Max < need {
		return fmt.Errorf("%d hosts need %d open files, but only %d are allowed: raise the limit (ulimit -n) or "+
			"lower JIA_NPROC", size, need, limit.Max)
	}
	limit.Cur = need
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("raise the limit of open files to %d: %w", need, err)
	}
	return nil
}

func isTerminal(fd int) bool {
	_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	return err == nil
}
