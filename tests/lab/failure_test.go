package lab

import (
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// endLimit is the promise: this long after the cause every host has ended. Time in which the virtual machine stood still does not count.
const endLimit = 5 * time.Second

// startBusy starts a job whose hosts are all about to enter the state, but for host 0, which waits.
func startBusy(t *testing.T, comm, state string, env ...string) *running {
	t.Helper()
	r := job{program: "victim", args: []string{"0", "", state}, hosts: devices(), comm: comm, env: env}.start(t)
	until := time.Now().Add(deadline)
	for strings.Count(r.stdout(), " pid ") < len(r.hosts) {
		for i, h := range r.hosts {
			select {
			case <-h.ended:
				t.Fatalf("%v: host %d ended early\n%s", r.job, i, r.report())
			default:
			}
		}
		if time.Now().After(until) {
			t.Fatalf("%v: not all hosts are there\n%s", r.job, r.report())
		}
		time.Sleep(5 * time.Millisecond)
	}
	return r
}

// mustEnd checks that all hosts have ended within the limit after it, and that the line says why.
func (r *running) mustEnd(when moment, parts ...string) {
	r.t.Helper()
	r.wait()
	var last, pause time.Duration
	for i, h := range r.hosts {
		took, stood := h.end.at.Sub(when.at), h.end.stood-when.stood
		if took-stood > endLimit {
			r.t.Errorf("%v: host %d ended %v after the cause, of which the virtual machine stood still for %v", r.job, i, took, stood)
		}
		if took > last {
			last, pause = took, stood
		}
	}
	r.t.Logf("all gone after %.2f s, %.2f of it at a standstill: %s", last.Seconds(), pause.Seconds(), r.failed(parts...))
}

// causes are where a failure finds the hosts, and which host it strikes: the one that all others know from the start, and another.
func causes() []cause {
	return []cause{{"fault", 0}, {"barrier", devices() - 1}}
}

type cause struct {
	state string // of victim.c
	host  int
}

func TestKilledHost(t *testing.T) {
	for _, comm := range transports {
		for _, c := range causes() {
			t.Run(fmt.Sprintf("%s/%s/host=%d", comm, c.state, c.host), func(t *testing.T) {
				r := startBusy(t, comm, c.state)
				when := now()
				if err := syscall.Kill(r.hosts[c.host].cmd.Process.Pid, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
				r.mustEnd(when, fmt.Sprintf("host %d", c.host))
			})
		}
	}
}

func link(t *testing.T, what string, node int) {
	t.Helper()
	if text, err := exec.Command("lab-link", what, fmt.Sprint(node)).CombinedOutput(); err != nil {
		t.Fatalf("lab-link %s %d: %v\n%s", what, node, err, text)
	}
}

// Packets of a host are lost from one moment to the next. (For TCP alone see TestLinkDownTCP.)
func TestLinkDown(t *testing.T) {
	for _, comm := range []string{"rdma", "auto"} {
		for _, c := range causes() {
			t.Run(fmt.Sprintf("%s/%s/host=%d", comm, c.state, c.host), func(t *testing.T) {
				r := startBusy(t, comm, c.state)
				t.Cleanup(func() { link(t, "up", c.host) })
				when := now()
				link(t, "down", c.host)
				r.mustEnd(when, "host")
			})
		}
	}
}
