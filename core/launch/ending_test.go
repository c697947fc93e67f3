package launch

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Where host 0 leads the terminal's session, as under script(1) or ssh -t, its death of Ctrl-C makes the kernel send SIGHUP.
func TestFirstSignalOfTheTerminalCounts(t *testing.T) {
	s := &supervisor{links: make([]*link, 1), pidfd: -1}
	s.terminalSignal(unix.SIGINT)
	s.terminalSignal(unix.SIGHUP)
	if s.interrupt != unix.SIGINT {
		t.Errorf("interrupted by %v", s.interrupt)
	}
	s.interrupted = time.Now().Add(-2 * interruptLimit)
	s.terminalSignal(unix.SIGTERM)
	if s.interrupt != unix.SIGTERM {
		t.Errorf("interrupted by %v, long after the first", s.interrupt)
	}
}
