package launch

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// A member is one host as the supervisor knows it.
type member struct {
	rank    int
	pid     int
	control int // our end of its control connection; -1 once it is closed
	input   lineBuffer
	streams [2]*source // its standard output and error

	address string // where it listens; "" until it says so
	left    bool   // it is past jia_exit's barrier
	ended   bool   // the process is gone
}

// newSecret returns the bytes that the hosts of this job, and nobody else, will know.
func newSecret() []byte {
	secret := make([]byte, secretSize)
	// Never fails: a system without randomness ends the process inside.
	_, _ = rand.Read(secret)
	return secret
}

// spawn starts host rank and hands its pipes to the relay. It must be called from the locked thread in which
// Supervise runs, whose end is the child's end: the kernel sends SIGKILL to a child when the *thread* that made it is
// gone.
func (s *supervisor) spawn(rank int, argv, env []string) (*member, error) {
	var ours, theirs [3]int // control, standard output, standard error
	for i := range ours {
		ours[i], theirs[i] = -1, -1
	}
	defer closeAll(theirs[:])

	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("create a control connection: %w", err)
	}
	ours[0], theirs[0] = pair[0], pair[1]
	for i := 1; i < 3; i++ {
		var pipe [2]int
		if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
			closeAll(ours[:])
			return nil, fmt.Errorf("create a pipe: %w", err)
		}
		ours[i], theirs[i] = pipe[0], pipe[1]
	}
	const control = 3 // the descriptor's number in the child
	pid, err := syscall.ForkExec(program(), argv, &syscall.ProcAttr{
		Env:   append(env[:len(env):len(env)], fmt.Sprintf("%s=%d,%d", envControl, control, os.Getpid())),
		Files: []uintptr{uintptr(s.null), uintptr(theirs[1]), uintptr(theirs[2]), control: uintptr(theirs[0])},
		Sys:   &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		closeAll(ours[:])
		return nil, fmt.Errorf("start host %d: %w", rank, err)
	}
	m := &member{rank: rank, pid: pid, control: ours[0], streams: s.relay.add(ours[1], ours[2], false)}
	return m, nil
}

func closeAll(fds []int) {
	for _, fd := range fds {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
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
