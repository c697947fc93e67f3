package tests

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	restart     = "JIA_ON_FAILURE=restart"
	mortalHosts = 4
	mortalSum   = "sum 200\n" // 20 rounds of 1 + 2 + 3 + 4
)

// ends checks how a job of mortal.c has ended whose good runs exit with 5. lost is how many restarts were due.
func (r result) restarted(t *testing.T, most int, causes ...string) {
	t.Helper()
	bad := func(what string) {
		t.Helper()
		t.Errorf("%v: %s; %s\nstdout:\n%s\nstderr:\n%s", r.job, what, describe(r.status), tail(r.stdout), tail(r.stderr))
	}
	r.noGoTrace(t)
	if r.status.ExitStatus() != 5 {
		bad("not the exit status of a good run")
	}
	if !strings.HasSuffix(r.stdout, mortalSum) {
		bad("not the right sum")
	}
	lines := strings.Split(strings.TrimSuffix(r.stderr, "\n"), "\n")
	if r.stderr == "" {
		lines = nil
	}
	if len(lines) != len(causes) {
		bad(fmt.Sprintf("not %d lines on standard error", len(causes)))
		return
	}
	for i, cause := range causes {
		if prefix := fmt.Sprintf("jia: restart %d of %d, from the beginning: ", i+1, most); !strings.HasPrefix(lines[i], prefix) {
			bad(fmt.Sprintf("line %d does not begin with %q", i+1, prefix))
		}
		if !strings.Contains(lines[i], cause) {
			bad(fmt.Sprintf("line %d does not say %q", i+1, cause))
		}
		if strings.Contains(lines[i], "ends the job") {
			bad("the job did not end")
		}
	}
}

// Every host dies, from before jia_init to behind jia_exit, and the job comes to its end all the same.
func TestRestart(t *testing.T) {
	for _, point := range []string{"start", "init", "lock", "barrier", "end", "left"} {
		for _, host := range []int{0, 1, mortalHosts - 1} {
			if point == "start" && host > 1 {
				continue
			}
			for _, way := range []struct{ name, says string }{{"sigkill", "SIGKILL"}, {"sigsegv", "SIGSEGV"}, {"abort", "SIGABRT"}, {"sigterm", "SIGTERM"}} {
				if way.name != "sigkill" && point != "lock" {
					continue
				}
				t.Run(fmt.Sprintf("%s/%s/host=%d", point, way.name, host), func(t *testing.T) {
					runs := 2
					if point == "start" && host > 0 {
						runs = 1 // several may die in one run
					}
					r := job{program: "mortal", args: []string{point, fmt.Sprint(host), way.name, fmt.Sprint(runs)}, hosts: mortalHosts,
						env: []string{restart, transports[host%2]}}.start(t)
					who := fmt.Sprintf("host %d", host)
					if point == "start" && host > 0 {
						who = "host "
					}
					cause := []string{way.says, way.says}[:runs]
					result := r.wait()
					result.restarted(t, 3, cause...)
					if !strings.Contains(result.stderr, who) {
						t.Errorf("not %q:\n%s", who, result.stderr)
					}
					r.nothingLeft("runs")
				})
			}
		}
	}
}

// A single process is a job, too.
func TestRestartOfOneHost(t *testing.T) {
	for _, hosts := range []int{0, 1} {
		r := job{program: "mortal", args: []string{"lock", "0", "sigkill", "1"}, hosts: hosts, env: []string{restart}}.start(t)
		result := r.wait()
		if result.status.ExitStatus() != 5 || result.stdout != "sum 20\n" || strings.Count(result.stderr, "\n") != 1 {
			t.Errorf("%s\n%s\n%s", describe(result.status), result.stdout, result.stderr)
		}
		r.nothingLeft("runs")
	}
}

// What the program does on purpose is not done again.
func TestNoRestartOfErrors(t *testing.T) {
	for _, way := range []struct{ name, says string }{
		{"exit-3", "jia_exit"}, {"_exit-3", "status 3"}, {"error", "the victim gives up"}, {"misuse", "lock 77"},
	} {
		for _, host := range []int{0, 2} {
			for _, point := range []string{"start", "lock"} {
				if point == "start" && (way.name != "_exit-3" || host == 0) {
					continue
				}
				t.Run(fmt.Sprintf("%s/%s/host=%d", way.name, point, host), func(t *testing.T) {
					r := job{program: "mortal", args: []string{point, fmt.Sprint(host), way.name, "1"}, hosts: mortalHosts, env: []string{restart}}.start(t)
					r.wait().failed(t, fmt.Sprintf("host %s", map[bool]string{true: "", false: fmt.Sprint(host)}[point == "start"]), way.says)
					r.nothingLeft("runs")
				})
			}
		}
	}
}

// Nor is what cannot succeed: a job that the supervisor finds impossible to start.
func TestNoRestartOfAnImpossibleStart(t *testing.T) {
	for _, test := range []struct {
		name, before string
		hosts        int
		env          []string
		says         string
	}{
		{"no ssh", "echo localhost > hosts; echo 192.0.2.1 >> hosts", 0, []string{"JIA_HOSTS=hosts", "JIA_SSH=/nonexistent/ssh"}, "install ssh, or correct JIA_SSH"},
		{"too few descriptors", "ulimit -n 100", 64, nil, "ulimit -n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := job{program: "mortal", args: []string{"none", "0", "-", "0"}, hosts: test.hosts, env: append(test.env, restart),
				wrap: []string{"/bin/sh", "-c", test.before + `; exec "$0" "$@"`}}.start(t)
			r.wait().failed(t, test.says)
			r.nothingLeft("hosts")
		})
	}
}

// Nor a program whose output nobody wants any more.
func TestNoRestartWithoutAReader(t *testing.T) {
	for hosts := range 2 { // several have a supervisor, which knows
		r := job{program: "mortal", args: []string{"none", "0", "-", "0"}, hosts: hosts, env: []string{restart},
			wrap: []string{"/bin/sh", "-c", `{ trap "" PIPE; while echo 2>/dev/null; do :; done; trap - PIPE; "$0" "$@"; echo $? >&2; } | true`}}.start(t)
		if result := r.wait(); result.stderr != "141\n" {
			t.Errorf("%s\n%s", describe(result.status), result.stderr)
		}
		r.nothingLeft()
	}
}

// A host that hangs is found, and is a loss, while the others are in jia_exit already.
func TestRestartAfterAHangBeforeTheEnd(t *testing.T) {
	for _, transport := range transports {
		for _, host := range []int{0, mortalHosts - 1} {
			t.Run(fmt.Sprintf("%s/host=%d", transport, host), func(t *testing.T) {
				r := job{program: "mortal", args: []string{"end", fmt.Sprint(host), "sigstop", "1"}, hosts: mortalHosts,
					env: []string{restart, "JIA_PEER_TIMEOUT=500", transport}}.start(t)
				result := r.wait()
				if stdout := strings.Replace(result.stdout, mortalSum, "", 1); stdout != "" { // host 0 of the first run has said it, too
					result.stdout = stdout
				}
				result.restarted(t, 3, fmt.Sprintf("lost host %d: nothing was heard of it for 0.5 s", host))
				r.nothingLeft("runs")
			})
		}
	}
}

// A parent that ignores its children's ends has every process begin like that.
func TestRestartWhereEndsAreIgnored(t *testing.T) {
	for _, hosts := range []int{0, mortalHosts} {
		r := job{program: "mortal", args: []string{"lock", "0", "sigkill", "1"}, hosts: hosts, env: []string{restart},
			wrap: []string{"/usr/bin/env", "--ignore-signal=CHLD"}}.start(t)
		if result := r.wait(); result.status.ExitStatus() != 5 || strings.Count(result.stderr, "\n") != 1 {
			t.Errorf("%s\n%s\n%s", describe(result.status), result.stdout, result.stderr)
		}
		r.nothingLeft("runs")
	}
}

// A job of which every run fails comes to an end.
func TestMaxRestarts(t *testing.T) {
	for most := range 3 {
		r := job{program: "mortal", args: []string{"lock", "1", "sigkill", "100"}, hosts: 2,
			env: []string{restart, fmt.Sprintf("JIA_MAX_RESTARTS=%d", most)}}.start(t)
		result := r.wait()
		lines := strings.Split(strings.TrimSuffix(result.stderr, "\n"), "\n")
		if result.status.ExitStatus() != 1 || len(lines) != most+1 || !strings.Contains(lines[most], "SIGKILL), which ends the job") {
			t.Errorf("%s\n%s", describe(result.status), result.stderr)
		}
		if said := strings.Contains(lines[most], fmt.Sprintf("after %d restarts", most)); said != (most > 0) {
			t.Errorf("%s", result.stderr)
		}
		r.nothingLeft("runs")
	}
}

// Without the setting there is no further process, and no restart; the settings file counts as well as the environment.
func TestRestartIsASetting(t *testing.T) {
	for _, test := range []struct {
		name, file, env string
		again           bool
	}{
		{"unset", "", "", false}, {"fail", "on_failure = restart\n", "JIA_ON_FAILURE=fail", false},
		{"in the file", "on_failure = restart\n", "", true}, {"another file", "shm = off\n", "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			wrap := []string{"/bin/sh", "-c", `printf "$0" > .jiaconf && exec "$@"`, test.file}
			if test.file == "" {
				wrap = nil
			}
			j := job{program: "mortal", args: []string{"lock", "1", "sigkill", "1"}, hosts: 2, wrap: wrap}
			if test.env != "" {
				j.env = []string{test.env}
			}
			r := j.start(t)
			if result := r.wait(); (result.status.ExitStatus() == 5) != test.again {
				t.Errorf("%s\n%s", describe(result.status), result.stderr)
			}
			r.nothingLeft("runs", ".jiaconf")
		})
	}
}

// A mortalJob is one whose hosts wait to be ended, under a keeper.
type mortalJob struct {
	*running
	pids       []int // by host
	keeper     int
	supervisor int
}

func startMortal(t *testing.T, env ...string) *mortalJob {
	t.Helper()
	m := &mortalJob{running: job{program: "mortal", args: []string{"outside", "0", "-", "0"}, hosts: mortalHosts,
		env: append([]string{restart}, env...)}.start(t)}
	m.keeper = m.cmd.Process.Pid
	m.begun(0)
	return m
}

// begun waits until all hosts have begun the run of that number.
func (m *mortalJob) begun(run int) {
	m.t.Helper()
	m.await("process id of every host", func(stdout string) bool { return strings.Count(stdout, " pid ") == (run+1)*mortalHosts })
	m.pids = make([]int, mortalHosts)
	for _, line := range strings.Split(strings.TrimSpace(m.stdout.String()), "\n")[run*mortalHosts:] {
		var host, pid int
		if _, err := fmt.Sscanf(line, "host %d pid %d", &host, &pid); err != nil {
			m.t.Fatalf("%q: %v", line, err)
		}
		m.pids[host] = pid
	}
	m.supervisor = 0
	for _, pid := range processes(m.tag) {
		if pid != m.keeper && !slices.Contains(m.pids, pid) {
			m.supervisor = pid
		}
	}
	if m.supervisor == 0 {
		m.t.Fatal("no supervisor")
	}
}

func (m *mortalJob) goAhead() {
	m.t.Helper()
	if err := os.WriteFile(filepath.Join(m.dir, "go"), nil, 0o644); err != nil {
		m.t.Fatal(err)
	}
}

// Whoever is killed from outside, host 0 and the supervisor included, the job begins again.
func TestRestartAfterAKill(t *testing.T) {
	m := startMortal(t, "JIA_MAX_RESTARTS=9")
	var causes []string
	for run := 0; run <= mortalHosts; run++ {
		pid, cause := m.supervisor, fmt.Sprintf("the supervisor of the job (pid %d) is gone", m.supervisor)
		if run < mortalHosts {
			pid, cause = m.pids[run], fmt.Sprintf("host %d (pid %d) was killed by signal 9", run, m.pids[run])
		}
		causes = append(causes, cause)
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		m.begun(run + 1)
	}
	m.goAhead()
	m.wait().restarted(t, 9, causes...)
	m.nothingLeft("go")
}

// The same with no regard to what the job is doing, its start and its end included.
func TestRestartAfterKillsAtRandom(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	for range rounds {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			chance := rand.New(rand.NewPCG(seed, 0))
			r := job{program: "mortal", args: []string{"none", "0", "-", "0"}, hosts: mortalHosts, env: []string{restart, "JIA_MAX_RESTARTS=100"}}.start(t)
			for range 6 {
				time.Sleep(time.Duration(chance.IntN(150)) * time.Millisecond)
				if all := processes(r.tag); len(all) > 0 {
					if pid := all[chance.IntN(len(all))]; pid != r.cmd.Process.Pid {
						_ = syscall.Kill(pid, syscall.SIGKILL) // it may be gone
					}
				}
			}
			result := r.wait()
			if result.status.ExitStatus() != 5 || !strings.HasSuffix(result.stdout, mortalSum) {
				t.Errorf("%s\n%s\n%s", describe(result.status), result.stdout, result.stderr)
			}
			r.nothingLeft()
		})
	}
}

// The keeper's own death is the job's end.
func TestDeathOfTheKeeper(t *testing.T) {
	m := startMortal(t)
	if err := syscall.Kill(m.keeper, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if result := m.wait(); !result.status.Signaled() || strings.Contains(result.stderr, "restart") {
		t.Errorf("%s\n%s", describe(result.status), result.stderr)
	}
	m.nothingLeft()
}

// A signal to the process that was started ends the job, as without a keeper, whether it goes to that process alone or to all.
func TestSignalsToAKeptJob(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		for _, group := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v/group=%v", signal, group), func(t *testing.T) {
				m := startMortal(t)
				to := m.keeper
				if group {
					to = -to
				}
				if err := syscall.Kill(to, signal); err != nil {
					t.Fatal(err)
				}
				result := m.wait()
				says := fmt.Sprintf("jia: host 0 (pid %d) was killed by signal %d ", m.pids[0], int(signal))
				if group {
					says = "jia: interrupted (" // by any of them
				}
				if result.status.Signal() != signal || strings.Count(result.stderr, "\n") > 1 || !strings.HasPrefix(result.stderr, says) {
					t.Errorf("%s\n%s", describe(result.status), result.stderr)
				}
				m.nothingLeft()
			})
		}
	}
}

// Any other signal that programs use is passed on, once, and the job goes on.
func TestSignalsForAKeptProgram(t *testing.T) {
	m := startMortal(t)
	if err := syscall.Kill(m.keeper, syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	m.await("answer", func(stdout string) bool { return strings.Contains(stdout, "signal\n") })
	m.goAhead()
	result := m.wait()
	result.restarted(t, 3)
	if strings.Count(result.stdout, "signal\n") != 1 {
		t.Errorf("%s", result.stdout)
	}
	m.nothingLeft("go")
}

// words returns what each host was told of a loss; mortal.c writes it.
func words(dir string) map[int]string {
	told := make(map[int]string)
	for host := range mortalHosts {
		if text, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("word.%d", host))); err == nil {
			told[host] = string(text)
		}
	}
	return told
}

var wordFiles = []string{"runs", "word.0", "word.1", "word.2", "word.3"}

// Every host that is left hears once which was lost and why, whatever it does then, and the job ends as promptly as ever.
func TestOnFailure(t *testing.T) {
	for _, way := range []string{"word", "exit", "crash", "stay"} {
		for victim := range mortalHosts {
			t.Run(fmt.Sprintf("%s/host=%d", way, victim), func(t *testing.T) {
				r := job{program: "mortal", args: []string{"barrier", fmt.Sprint(victim), "sigkill", "9", way}, hosts: mortalHosts,
					env: []string{transports[victim%2]}}.start(t)
				r.wait().failed(t, fmt.Sprintf("host %d", victim), "SIGKILL")
				told := words(r.dir)
				for host := range mortalHosts {
					want := fmt.Sprintf("%d host %d (pid ", victim, victim)
					if host == victim {
						want = ""
					}
					if text := told[host]; !strings.HasPrefix(text, want) || host == victim && text != "" || strings.Count(text, "\n") > 1 {
						t.Errorf("host %d was told %q", host, text)
					}
				}
				r.nothingLeft(wordFiles...)
			})
		}
	}
}

// With a restart the hosts hear of the loss, too; the end of the good run is no loss.
func TestOnFailureBeforeARestart(t *testing.T) {
	r := job{program: "mortal", args: []string{"lock", "2", "sigkill", "2", "word"}, hosts: mortalHosts, env: []string{restart}}.start(t)
	r.wait().restarted(t, 3, "SIGKILL", "SIGKILL")
	for host, text := range words(r.dir) {
		if strings.Count(text, "\n") != 2 {
			t.Errorf("host %d was told %q", host, text)
		}
	}
	if n := len(words(r.dir)); n != mortalHosts-1 {
		t.Errorf("%d hosts were told", n)
	}
	r.nothingLeft(wordFiles...)
}

// A program's own errors, and its end, are no losses.
func TestOnFailureIsNotForErrors(t *testing.T) {
	for _, way := range []string{"error", "misuse", "exit-3", "_exit-3", "none"} {
		t.Run(way, func(t *testing.T) {
			point := "lock"
			if way == "none" {
				point = "nowhere"
			}
			r := job{program: "mortal", args: []string{point, "1", way, "1", "word"}, hosts: mortalHosts}.start(t)
			if result := r.wait(); (result.status.ExitStatus() == 5) != (way == "none") {
				t.Errorf("%s\n%s", describe(result.status), result.stderr)
			}
			if told := words(r.dir); len(told) > 0 {
				t.Errorf("%v", told)
			}
			r.nothingLeft(wordFiles...)
		})
	}
}
