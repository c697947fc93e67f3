package lab

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// peerTimeout is short for a person and long for a machine that is emulated.
const peerTimeout = 3 * time.Second

var timeoutSetting = fmt.Sprintf("JIA_PEER_TIMEOUT=%d", peerTimeout.Milliseconds())

// A host that is stopped for longer than the deadline is lost, although its machine and its device answer. When it is continued it finds
// the others gone, and ends as well.
func TestHangingHost(t *testing.T) {
	for _, comm := range transports {
		for _, c := range causes() {
			t.Run(fmt.Sprintf("%s/%s/host=%d", comm, c.state, c.host), func(t *testing.T) {
				r := startBusy(t, comm, c.state, timeoutSetting)
				victim := r.hosts[c.host]
				if err := victim.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
					t.Fatal(err)
				}
				when := now()
				for i, h := range r.hosts {
					if h == victim {
						continue
					}
					select {
					case <-h.ended:
					case <-time.After(deadline):
						t.Fatalf("%v: host %d goes on\n%s", r.job, i, r.report())
					}
					if early := h.end.at.Sub(when.at); early < peerTimeout {
						t.Errorf("host %d ended after %v", i, early)
					}
				}
				t.Logf("the others are gone %.2f s after the stop, the deadline being %v", now().at.Sub(when.at).Seconds(), peerTimeout)
				when = now()
				if err := victim.cmd.Process.Signal(syscall.SIGCONT); err != nil {
					t.Fatal(err)
				}
				r.wait()
				var lines []string
				for _, h := range r.hosts {
					if h == victim {
						continue
					}
					if text := h.stderr.String(); text != "" {
						lines = append(lines, text)
					}
				}
				want := fmt.Sprintf(": lost host %d: nothing was heard of it for 3 s: ", c.host)
				if len(lines) != 1 || strings.Count(lines[0], "\n") != 1 || !strings.Contains(lines[0], want) {
					t.Errorf("%v: the others say %q", r.job, lines)
				}
				took, stood := victim.end.at.Sub(when.at), victim.end.stood-when.stood
				if took-stood > endLimit || victim.cmd.ProcessState.ExitCode() == 0 {
					t.Errorf("%v: the host that hung: %v, %v after it was continued\n%s", r.job, victim.cmd.ProcessState, took, r.report())
				}
			})
		}
	}
}

// Hosts that are stopped for less than the deadline, one after the other, and then all together for much longer, are not lost.
func TestPausedHosts(t *testing.T) {
	for _, comm := range transports {
		t.Run(comm, func(t *testing.T) {
			r := startBusy(t, comm, "sleep", timeoutSetting)
			pause := func(long time.Duration, hosts ...*host) {
				for _, number := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
					for _, h := range hosts {
						if err := h.cmd.Process.Signal(number); err != nil {
							t.Fatal(err)
						}
					}
					time.Sleep(long)
				}
			}
			for _, h := range r.hosts {
				pause(peerTimeout/2, h)
			}
			pause(2*peerTimeout, r.hosts...)
			for i, h := range r.hosts {
				select {
				case <-h.ended:
					t.Errorf("%v: host %d is at an end\n%s", r.job, i, r.report())
				default:
				}
			}
		})
	}
}

// Over TCP a cable that is pulled is noticed by the deadline; RDMA devices, which TestLinkDown has, give up by themselves.
func TestLinkDownTCP(t *testing.T) {
	for _, c := range causes() {
		t.Run(fmt.Sprintf("%s/host=%d", c.state, c.host), func(t *testing.T) {
			r := startBusy(t, "tcp", c.state, timeoutSetting)
			t.Cleanup(func() { link(t, "up", c.host) })
			when := now()
			link(t, "down", c.host)
			when.at = when.at.Add(peerTimeout)
			r.mustEnd(when, "lost host", "nothing was heard of it for 3 s")
		})
	}
}
