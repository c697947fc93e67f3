package shm

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Where so many descriptors are on their way that the kernel takes no more of them, the sender waits until some have been read.
func TestCrowded(t *testing.T) {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), childEnv+"="+crowds)
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v, %s", err, out)
	}
}

func crowd() error {
	const most, each = 64, 16
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: most, Max: most}); err != nil {
		return err
	}
	if os.Getuid() == 0 { // to whom the limit does not apply
		if err := syscall.Setuid(65534); err != nil {
			return err
		}
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	var fds [each]int
	for i := range fds {
		fds[i] = pair[0]
	}
	send := func() error {
		return unix.Sendmsg(pair[0], []byte{1}, unix.UnixRights(fds[:]...), nil, unix.MSG_NOSIGNAL)
	}
	sent := 0
	for ; err == nil && sent <= 2*most/each; sent++ {
		err = send()
	}
	if !errors.Is(err, unix.ETOOMANYREFS) {
		return fmt.Errorf("message %d: %w", sent, err)
	}
	tries := 0
	err = crowded(func() error {
		if tries++; tries == 3 {
			for range sent - 1 {
				unix.Recvmsg(pair[1], make([]byte, 1), nil, 0) // the kernel drops the descriptors
			}
		}
		return send()
	})
	if err != nil || tries != 3 {
		return fmt.Errorf("%d tries: %w", tries, err)
	}
	return nil
}
