package ssh

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A keptJob is one of place.c that is started again until the file "go" is there.
type keptJob struct {
	t              *testing.T
	n              *network
	cmd            *exec.Cmd
	stdout, stderr lockedBuffer
	ended          chan error
}

func (n *network) startKept(t *testing.T, hosts string, env ...string) *keptJob {
	t.Helper()
	j := &keptJob{t: t, n: n, cmd: n.job(t, hosts, "go"), ended: make(chan error, 1)}
	j.cmd.Env = append(append(j.cmd.Env, "JIA_ON_FAILURE=restart"), env...)
	j.cmd.Stdout, j.cmd.Stderr = &j.stdout, &j.stderr
	if err := j.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { j.ended <- j.cmd.Wait() }()
	t.Cleanup(func() {
		_ = j.cmd.Process.Kill()
		_ = os.Remove(j.goFile())
	})
	return j
}

func (j *keptJob) goFile() string { return filepath.Join(j.n.shared, "work", "go") }

// said waits until the job has printed a text so many times.
func (j *keptJob) said(text string, times int) {
	j.t.Helper()
	for until := time.Now().Add(time.Minute); strings.Count(j.stdout.String(), text) < times; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			j.t.Fatalf("%q was not said %d times\n%s\n%s", text, times, j.stdout.String(), j.stderr.String())
		}
	}
}

// finish lets the job end and returns what it has said on standard error, in lines.
func (j *keptJob) finish(status int) []string {
	j.t.Helper()
	if err := os.WriteFile(j.goFile(), nil, 0o644); err != nil {
		j.t.Fatal(err)
	}
	select {
	case <-j.ended:
	case <-time.After(time.Minute):
		j.t.Fatalf("no end\n%s\n%s", j.stdout.String(), j.stderr.String())
	}
	if j.cmd.ProcessState.ExitCode() != status {
		j.t.Errorf("%v\n%s\n%s", j.cmd.ProcessState, j.stdout.String(), j.stderr.String())
	}
	j.n.quiet(j.t)
	if err := os.Remove(j.goFile()); err != nil {
		j.t.Error(err)
	}
	return strings.Split(strings.TrimSuffix(j.stderr.String(), "\n"), "\n")
}

// wants checks that there is one line for each text, which it has.
func (j *keptJob) wants(lines []string, texts ...string) {
	j.t.Helper()
	if len(lines) != len(texts) {
		j.t.Fatalf("not %d lines:\n%s", len(texts), strings.Join(lines, "\n"))
	}
	for i, text := range texts {
		if !strings.HasPrefix(lines[i], "jia: ") || !strings.Contains(lines[i], text) {
			j.t.Errorf("line %d has no %q: %s", i+1, text, lines[i])
		}
	}
}

// A host that dies on another machine is started there again.
func TestRestartOnTheSameMachine(t *testing.T) {
	n := need(t)
	j := n.startKept(t, "localhost\nnode2 slots=2\nnode3 spare\n")
	j.said("host 1 of 3", 1)
	j.said("host 2 of 3", 1)
	for _, pid := range n.machines[1].processes() {
		if environ, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ"); err == nil && strings.Contains(string(environ), "\x00JIA_CONTROL=") {
			if err := unix.Kill(pid, unix.SIGKILL); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	j.said("host 1 of 3", 2)
	j.wants(j.finish(0), "restart 1 of 3, from the beginning: host ")
}

// A machine that is gone is replaced by a spare one, or left out.
func TestRestartWithoutAMachine(t *testing.T) {
	n := need(t)
	for _, test := range []struct{ name, hosts, env, again string }{
		{"spare", "localhost\nnode2\nnode3 spare\n", "JIA_RESTART_HOSTS=same", "host 1 of 2"},
		{"spare for several", "localhost\nnode2 slots=2\nnode3 spare\n", "JIA_RESTART_HOSTS=fewer", "host 2 of 3"},
		{"spare with fewer places", "localhost\nnode2 slots=2\nnode3 slots=1 spare\n", "JIA_RESTART_HOSTS=fewer", "host 1 of 2"},
		{"fewer", "localhost slots=2\nnode2\nnode3\n", "JIA_RESTART_HOSTS=fewer", "host 2 of 3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			j := n.startKept(t, test.hosts, test.env)
			j.said("host 0 of ", 1)
			j.said("host 1 of ", 1)
			m := n.machines[1]
			m.stopSSHD() // and all that runs there
			defer func() {
				if err := n.startSSHD(m); err != nil {
					t.Fatal(err)
				}
			}()
			j.said("host 0 of ", 2)
			j.said(test.again, 1)
			j.wants(j.finish(0), "restart 1 of 3, from the beginning: ", "the restart does without node2: cannot start host")
		})
	}
}

// With neither, the job has come to its end.
func TestRestartWithoutASpare(t *testing.T) {
	n := need(t)
	j := n.startKept(t, "localhost\nnode2\n")
	j.said("host 1 of 2", 1)
	n.machines[1].stopSSHD()
	defer func() {
		if err := n.startSSHD(n.machines[1]); err != nil {
			t.Fatal(err)
		}
	}()
	select {
	case <-j.ended:
	case <-time.After(time.Minute):
		t.Fatal("no end")
	}
	lines := strings.Split(strings.TrimSuffix(j.stderr.String(), "\n"), "\n")
	j.wants(lines, "restart 1 of 3, from the beginning: ", "has no spare machine left for \"node2\": add one")
	n.quiet(t)
}

// A machine behind a broken cable gives no answer at all.
func TestRestartAfterANetworkBreaks(t *testing.T) {
	n := need(t)
	j := n.startKept(t, "localhost\nnode2\nnode3 spare\n", "JIA_SSH=ssh -F "+filepath.Join(n.dir, "config")+
		" -o ServerAliveInterval=1 -o ServerAliveCountMax=1 -o ConnectTimeout=2") // sooner than it does by itself
	j.said("host 1 of 2", 1)
	if err := n.hub.do("ip", "link", "set", "port1", "down"); err != nil {
		t.Fatal(err)
	}
	j.said("host 1 of 2", 2)
	n.machines[1].stopSSHD() // so that nobody has to wait until the other end notices
	if err := errors.Join(n.hub.do("ip", "link", "set", "port1", "up"), n.startSSHD(n.machines[1])); err != nil {
		t.Fatal(err)
	}
	j.wants(j.finish(0), "restart 1 of 3, from the beginning: the connection with host 1 on node2 is lost: Timeout", "the restart does without node2: ")
}

// A machine that does not answer at the job's start is the user's mistake.
func TestNoRestartBeforeTheStart(t *testing.T) {
	n := need(t)
	cmd := n.job(t, "localhost\n10.77.0.9\nnode3 spare\n")
	cmd.Env = append(cmd.Env, "JIA_ON_FAILURE=restart", "JIA_SSH=ssh -F "+filepath.Join(n.dir, "config")+" -o ConnectTimeout=1")
	got := finish(t, cmd)
	n.quiet(t)
	if got.code != 1 || strings.Count(got.stderr, "\n") != 1 || !strings.HasPrefix(got.stderr, "jia: cannot start host 1 on 10.77.0.9: ") {
		t.Errorf("%+v", got)
	}
}
