package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A busyJob is one of victim.c whose hosts have all told their process ids and are in their states, or about to be.
type busyJob struct {
	*running
	pids []int // by host
	all  []int // every process of the job, the supervisor included
}

func startBusy(t *testing.T, hosts, victim int, way, state string, env ...string) *busyJob {
	t.Helper()
	b := &busyJob{pids: make([]int, hosts)}
	b.running = job{program: "victim", args: []string{fmt.Sprint(victim), way, state}, hosts: hosts, env: env,
		deadline: 30 * time.Second}.start(t)
	b.await("process id of every host", func(stdout string) bool { return strings.Count(stdout, " pid ") == hosts })
	for _, line := range strings.Split(strings.TrimSpace(b.stdout.String()), "\n") {
		var host, pid int
		if _, err := fmt.Sscanf(line, "host %d pid %d", &host, &pid); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		b.pids[host] = pid
	}
	b.all = processes(b.tag)
	return b
}

// goAhead lets the victim end. The file stays, so nothingLeft must be told.
func (b *busyJob) goAhead() {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, "go"), nil, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// mustEnd checks that everything is gone within the limit after the cause, that it ended as a failure, and that the one line
// says why. It returns the line.
func (b *busyJob) mustEnd(cause time.Time, parts ...string) {
	b.t.Helper()
	for _, pid := range b.all {
		for state(pid) != "" && state(pid) != "Z" {
			if time.Since(cause) > endLimit {
				b.late(fmt.Sprintf("process %d is there %.1f s after the cause", pid, time.Since(cause).Seconds()))
			}
			time.Sleep(time.Millisecond)
		}
	}
	took := time.Since(cause)
	result := b.wait()
	line := result.failed(b.t, parts...)
	b.nothingLeft("go")
	b.t.Logf("gone after %.2f s: %s", took.Seconds(), line)
}

// Every host in turn, host 0 included, ends in every way a process can, while the others are in a barrier, wait for a
// lock that the victim holds, compute, take page faults and wait for an event.
func TestDeathOfAHost(t *testing.T) {
	const hosts = 6
	victims := []int{0, 1, hosts - 1}
	for _, way := range []struct {
		name string
		says []string // beside the victim's number
	}{
		{"sigkill", []string{"signal 9", "SIGKILL"}},
		{"sigterm", []string{"signal 15", "SIGTERM"}},
		{"sigsegv", []string{"signal 11", "SIGSEGV"}},
		{"sigsegv-in-a-thread", []string{"signal 11", "SIGSEGV"}},
		{"abort", []string{"signal 6", "SIGABRT"}},
		{"exit-3", []string{"jia_exit"}},
		{"_exit-3", []string{"status 3", "jia_exit"}},
		{"_exit-0", []string{"status 0", "jia_exit"}},
		{"return-3", []string{"jia_exit"}},
		{"error", []string{"the victim gives up"}},
	} {
		for _, victim := range victims {
			if testing.Short() && (victim != 1 || way.name[0] == '_') {
				continue
			}
			if victim == 0 && way.name == "_exit-0" {
				continue // the exit status is host 0's own, and nobody can change what it says
			}
			for _, transport := range transports {
				if transport == overTCP && victim == hosts-1 {
					continue
				}
				t.Run(fmt.Sprintf("%s/%s/host=%d", way.name, transport, victim), func(t *testing.T) {
					b := startBusy(t, hosts, victim, way.name, "mixed", transport)
					cause := time.Now()
					b.goAhead()
					b.mustEnd(cause, append(way.says, fmt.Sprintf("host %d", victim))...)
				})
			}
		}
	}
}

// The hosts are all in the same state, one of them is killed from outside in it. Host 2 is the one that the others wait for, and whose
// pages they fetch.
func TestKillInEachState(t *testing.T) {
	const hosts = 4
	for _, state := range []string{"barrier", "lock", "compute", "fault", "event", "sleep", "recv", "bcast"} {
		for _, transport := range transports {
			for _, backend := range backends {
				for killed := range hosts {
					if testing.Short() && (killed != 3 || backend != "uffd") {
						continue
					}
					if state != "fault" && (killed == 2 || transport == overTCP && (killed == 1 || backend != "uffd")) {
						continue
					}
					t.Run(fmt.Sprintf("%s/%s/%s/host=%d", state, transport, backend, killed), func(t *testing.T) {
						b := startBusy(t, hosts, 2, "", state, transport, "JIA_FAULT="+backend)
						cause := time.Now()
						if err := syscall.Kill(b.pids[killed], syscall.SIGKILL); err != nil {
							t.Fatal(err)
						}
						b.mustEnd(cause, fmt.Sprintf("host %d", killed), "signal 9")
					})
				}
			}
		}
	}
}

// A stopped host cannot hear that the job is over; it must go all the same.
func TestStoppedHostsEndToo(t *testing.T) {
	const hosts = 4
	for _, test := range []struct{ stopped, killed []int }{
		{[]int{1}, []int{3}},
		{[]int{0}, []int{3}},
		{[]int{1, 2, 3}, []int{0}},
		{[]int{0, 1, 2}, []int{3}},
	} {
		for _, transport := range transports {
			t.Run(fmt.Sprintf("%s/stopped=%v,killed=%v", transport, test.stopped, test.killed), func(t *testing.T) {
				b := startBusy(t, hosts, 2, "", "barrier", transport)
				for _, host := range test.stopped {
					if err := syscall.Kill(b.pids[host], syscall.SIGSTOP); err != nil {
						t.Fatal(err)
					}
				}
				cause := time.Now()
				for _, host := range test.killed {
					if err := syscall.Kill(b.pids[host], syscall.SIGKILL); err != nil {
						t.Fatal(err)
					}
				}
				b.mustEnd(cause, fmt.Sprintf("host %d", test.killed[0]), "signal 9")
			})
		}
	}
}

// Without its supervisor a job cannot go on; the hosts must not stay behind.
func TestDeathOfTheSupervisor(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			b := startBusy(t, 4, 2, "", "mixed", transport)
			supervisor := 0
			for _, pid := range b.all {
				isHost := false
				for _, host := range b.pids {
					isHost = isHost || pid == host
				}
				if !isHost {
					supervisor = pid
				}
			}
			if supervisor == 0 || len(b.all) != 5 {
				t.Fatalf("processes %v, hosts %v", b.all, b.pids)
			}
			cause := time.Now()
			if err := syscall.Kill(supervisor, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			b.mustEnd(cause)
		})
	}
}

// Ctrl-C: the terminal sends the signal to the whole group at once.
func TestInterrupt(t *testing.T) {
	for i, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(signal.String(), func(t *testing.T) {
			b := startBusy(t, 4, 2, "", "mixed", transports[i%2])
			cause := time.Now()
			if err := syscall.Kill(-b.cmd.Process.Pid, signal); err != nil {
				t.Fatal(err)
			}
			for _, pid := range b.all {
				for state(pid) != "" && state(pid) != "Z" {
					if time.Since(cause) > endLimit {
						b.late("processes are left")
					}
					time.Sleep(time.Millisecond)
				}
			}
			result := b.wait()
			if result.status == 0 || strings.Count(result.stderr, "\n") > 1 {
				t.Errorf("%s; stderr:\n%s", describe(result.status), result.stderr)
			}
			result.noGoTrace(t)
			b.nothingLeft()
		})
	}
}

// A port that stayed open would be found by the next job, or by a stranger.
func TestNoPortStaysOpen(t *testing.T) {
	b := startBusy(t, 4, 2, "sigkill", "mixed", overTCP)
	listening := 0
	for _, pid := range b.pids {
		listening += len(listeningPorts(pid))
	}
	if listening == 0 {
		t.Fatal("no host listens on a TCP port; how do they talk?")
	}
	cause := time.Now()
	b.goAhead()
	b.mustEnd(cause, "host 2")
}
