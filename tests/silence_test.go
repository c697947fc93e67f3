package tests

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What silence means: a host that is stopped for longer than peer_timeout is lost, and everything else goes on.

// signal sends processes a signal.
func signal(t *testing.T, number syscall.Signal, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		if err := syscall.Kill(pid, number); err != nil {
			t.Fatal(err)
		}
	}
}

// A host that hangs for too long is lost, whatever it and the others are doing: one line says which host and why.
func TestHangingHost(t *testing.T) {
	const timeout = time.Second
	for _, hosts := range []int{2, 6} {
		for _, transport := range transportsAmong(hosts) {
			for _, state := range []string{"barrier", "compute", "fault", "mixed"} {
				if testing.Short() && state != "barrier" || hosts > 2 && state != "mixed" {
					continue
				}
				for _, stopped := range []int{0, hosts - 1} {
					t.Run(fmt.Sprintf("hosts=%d/%s/%s/host=%d", hosts, transport, state, stopped), func(t *testing.T) {
						b := startBusy(t, hosts, 1, "", state, transport, fmt.Sprintf("JIA_PEER_TIMEOUT=%d", timeout.Milliseconds()))
						cause := time.Now()
						signal(t, syscall.SIGSTOP, b.pids[stopped])
						b.mustEnd(cause.Add(timeout), fmt.Sprintf(": lost host %d: nothing was heard of it for 1 s: ", stopped), "JIA_PEER_TIMEOUT")
						if took := time.Since(cause); took < timeout {
							t.Errorf("it was lost after %v", took)
						}
					})
				}
			}
		}
	}
}

// TestHangingHostOfAnOrdinaryUser is the same without privileges.
func TestHangingHostOfAnOrdinaryUser(t *testing.T) {
	for _, transport := range transports {
		r := job{program: "endure", hosts: 3, user: true, env: []string{transport, "JIA_PEER_TIMEOUT=500"}}.start(t)
		r.await("running", func(out string) bool { return strings.Contains(out, "endure: running") })
		var last int
		for _, pid := range processes(r.tag) {
			last = max(last, pid)
		}
		signal(t, syscall.SIGSTOP, last)
		t.Log(r.wait().failed(t, "lost host ", "nothing was heard of it for 0.5 s"))
		r.nothingLeft()
	}
}

// endures has a job run while something happens to it, and checks its answer.
func endures(t *testing.T, hosts int, env []string, happens func(r *running, pids []int)) {
	t.Helper()
	r := job{program: "endure", hosts: hosts, env: env}.start(t)
	r.await("running", func(out string) bool { return strings.Contains(out, "endure: running") })
	happens(r, processes(r.tag))
	time.Sleep(300 * time.Millisecond) // for who would wrongly take a host for lost now
	touch(t, r, "stop")
	r.wait().good(t, "endure: ok")
	r.nothingLeft("stop")
}

// One host after the other is stopped for less than the deadline, many times.
func TestPausedHosts(t *testing.T) {
	const timeout = 2 * time.Second
	for _, hosts := range []int{2, 4} {
		for _, transport := range transports {
			t.Run(fmt.Sprintf("hosts=%d/%s", hosts, transport), func(t *testing.T) {
				t.Parallel() // it mostly waits
				endures(t, hosts, []string{transport, fmt.Sprintf("JIA_PEER_TIMEOUT=%d", timeout.Milliseconds())}, func(r *running, pids []int) {
					for _, pid := range pids { // the supervisor as well
						signal(t, syscall.SIGSTOP, pid)
						time.Sleep(timeout * 6 / 10)
						signal(t, syscall.SIGCONT, pid)
					}
				})
			})
		}
	}
}

// A job that is stopped as a whole, as by Ctrl-Z, goes on where it was, in whatever order its processes are continued.
func TestPausedJob(t *testing.T) {
	for _, hosts := range []int{2, 4} {
		for _, transport := range transports {
			t.Run(fmt.Sprintf("hosts=%d/%s", hosts, transport), func(t *testing.T) {
				t.Parallel() // it mostly waits
				endures(t, hosts, []string{transport, "JIA_PEER_TIMEOUT=500"}, func(r *running, pids []int) {
					for range 2 {
						signal(t, syscall.SIGSTOP, pids...)
						time.Sleep(3 * time.Second)
						for i := range pids {
							signal(t, syscall.SIGCONT, pids[len(pids)-1-i])
						}
						time.Sleep(200 * time.Millisecond)
					}
				})
			})
		}
	}
}

// A debugger may stop a host for as long as it likes where there is no deadline.
func TestNoDeadline(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			t.Parallel() // it mostly waits
			endures(t, 3, []string{transport, "JIA_PEER_TIMEOUT=0"}, func(r *running, pids []int) {
				signal(t, syscall.SIGSTOP, pids[1])
				time.Sleep(12 * time.Second) // longer than the default
				signal(t, syscall.SIGCONT, pids[1])
			})
		})
	}
}

// Hosts that compute with all processors, and more of them than there are, beat all the same; as do those that are busy with memory.
func TestBusyHostsBeat(t *testing.T) {
	long := 20
	if testing.Short() {
		long = 5
	}
	for _, transport := range transports {
		for _, what := range []string{"compute", "memory"} {
			t.Run(transport+"/"+what, func(t *testing.T) {
				job{program: "beats", args: []string{what, strconv.Itoa(long)}, hosts: 8, env: []string{transport, "JIA_PEER_TIMEOUT=700"}}.
					run(t).good(t, "beats: ok")
			})
		}
	}
}

// Hosts reach jia_init, and leave it and jia_exit, at times that lie further apart than the deadline.
func TestLateHosts(t *testing.T) {
	for _, transport := range transports {
		for _, what := range []string{"early", "late"} {
			t.Run(transport+"/"+what, func(t *testing.T) {
				t.Parallel() // it mostly waits
				job{program: "beats", args: []string{what, "2"}, hosts: 4, env: []string{transport, "JIA_PEER_TIMEOUT=500"}}.
					run(t).good(t, "beats: ok")
			})
		}
	}
}
