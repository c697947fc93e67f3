package launchers

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A launcher starts n processes of the program as one of its users would.
type launcher struct {
	name    string
	start   func(j *job, n int, env []string, args ...string)
	kills   bool // it ends the others itself when one dies, and says so in words of its own
	loud    bool // a signal to it must come twice
	lenient bool // after an interrupt its status is 0 now and then, whatever program it has started
}

func srun(mpi string) func(j *job, n int, env []string, args ...string) {
	return func(j *job, n int, env []string, args ...string) {
		j.t.Helper()
		env = append(env, slurm(j.t)...)
		j.start(env, append([]string{"srun", "-n", strconv.Itoa(n), "--mpi=" + mpi, built + "/host"}, args...)...)
	}
}

func mpiexec(j *job, n int, env []string, args ...string) {
	j.t.Helper()
	need(j.t, "mpiexec.hydra")
	j.start(env, append([]string{"mpiexec.hydra", "-n", strconv.Itoa(n), built + "/host"}, args...)...)
}

func mpirun(j *job, n int, env []string, args ...string) {
	j.t.Helper()
	need(j.t, "mpirun.openmpi")
	argv := []string{"mpirun.openmpi", "--oversubscribe", "-n", strconv.Itoa(n)}
	if os.Getuid() == 0 {
		argv = append(argv, "--allow-run-as-root")
	}
	j.start(env, append(append(argv, built+"/host"), args...)...)
}

// byHand is what a script or an orchestrator does: it starts each process with variables.
func byHand(j *job, n int, env []string, args ...string) {
	j.t.Helper()
	env = append(env, variables(j.t, n)...)
	for rank := range n {
		j.start(append(env, fmt.Sprintf("JIA_RANK=%d", rank)), append([]string{built + "/host"}, args...)...)
	}
}

// variables are those that all hosts of a job by hand have in common.
func variables(t *testing.T, n int) []string {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("the secret of "+secret), 0o600); err != nil {
		t.Fatal(err)
	}
	ports, err := freePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	return []string{fmt.Sprintf("JIA_SIZE=%d", n), fmt.Sprintf("JIA_ROOT=127.0.0.1:%d", ports[0]), "JIA_SECRET_FILE=" + secret}
}

var launchers = []launcher{
	{name: "srun", start: srun("none"), loud: true},
	{name: "srun --mpi=pmi2", start: srun("pmi2"), loud: true},
	{name: "srun --mpi=pmix", start: srun("pmix"), loud: true, kills: true},
	{name: "mpiexec of MPICH", start: mpiexec, kills: true, lenient: true},
	{name: "mpirun of Open MPI", start: mpirun, kills: true},
	{name: "by hand", start: byHand},
}

// each runs a test under every launcher.
func each(t *testing.T, test func(t *testing.T, l launcher)) {
	for _, l := range launchers {
		t.Run(l.name, func(t *testing.T) { test(t, l) })
	}
}

// queued is what srun says when it must wait for a moment.
var queued = regexp.MustCompile(`(?m)^srun: job \d+ (queued|has been allocated).*\n`)

func TestRightAnswer(t *testing.T) {
	each(t, func(t *testing.T, l launcher) {
		for _, n := range []int{4, 1, 7} {
			j := newJob(t)
			l.start(j, n, nil, "sum")
			err := j.wait()
			stdout, stderr := j.output()
			want := fmt.Sprintf("the sum is right on %d hosts", n)
			stderr = queued.ReplaceAllString(stderr, "")
			if err != nil || strings.TrimSpace(stdout) != want || stderr != "" {
				t.Errorf("%v, want %q\n%s", err, want, j.report())
			}
			j.gone("", endLimit)
		}
	})
}

func TestKilledHostEndsTheJob(t *testing.T) {
	each(t, func(t *testing.T, l launcher) {
		for _, victim := range []int{2, 0} {
			j := newJob(t)
			l.start(j, 4, nil, "wait")
			pids := j.ready(4)
			if err := syscall.Kill(pids[victim], syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			j.gone(built+"/host", endLimit)
			if err := j.wait(); err == nil {
				t.Errorf("status 0 although host %d was killed\n%s", victim, j.report())
			}
			lines := j.lines()
			if len(lines) > 1 || len(lines) == 0 && !l.kills {
				t.Errorf("%d lines of the library's\n%s", len(lines), j.report())
			}
			if len(lines) == 1 && !strings.Contains(lines[0], fmt.Sprintf("host %d ", victim)) {
				t.Errorf("host %d was killed, but: %s", victim, lines[0])
			}
			j.gone("", endLimit)
		}
	})
}

func TestChildIsAJobOfItsOwn(t *testing.T) {
	each(t, func(t *testing.T, l launcher) {
		j := newJob(t)
		l.start(j, 3, nil, "child")
		err := j.wait()
		stdout, stderr := j.output()
		if err != nil || strings.TrimSpace(stdout) != "the sum is right on 1 hosts" || queued.ReplaceAllString(stderr, "") != "" {
			t.Errorf("%v\n%s", err, j.report())
		}
		j.gone("", endLimit)
	})
}

// A child that a host has forked has copies of its connections, and outlives it.
func TestKilledHostWithChild(t *testing.T) {
	j := newJob(t)
	byHand(j, 3, nil, "fork")
	victim := j.ready(3)[1]
	if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	if err := j.wait(); err == nil {
		t.Errorf("status 0\n%s", j.report())
	}
	if took := time.Since(killed); took > endLimit {
		t.Errorf("the others ended after %v", took)
	}
	if lines := j.lines(); len(lines) != 1 || !strings.Contains(lines[0], fmt.Sprintf("host 1 (pid %d ", victim)) {
		t.Errorf("not one line\n%s", j.report())
	}
	if left := j.processes(""); len(left) != 1 {
		t.Errorf("processes %v are left, not the child alone", left)
	}
}

func TestFailures(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"exit", "3"}, "host 3: it called exit, or returned from main, before jia_exit"},
		{[]string{"error"}, "host 1: the input has no line 3"},
	} {
		each(t, func(t *testing.T, l launcher) {
			j := newJob(t)
			l.start(j, 4, nil, test.args...)
			if err := j.wait(); err == nil {
				t.Errorf("status 0\n%s", j.report())
			}
			if lines := j.lines(); len(lines) != 1 || !strings.Contains(lines[0], test.want) {
				t.Errorf("want one line with %q\n%s", test.want, j.report())
			}
			j.gone("", endLimit)
		})
	}
}

func TestInterrupt(t *testing.T) {
	each(t, func(t *testing.T, l launcher) {
		if l.name == "by hand" {
			t.Skip("there is no launcher to be interrupted")
		}
		j := newJob(t)
		l.start(j, 4, nil, "wait")
		j.ready(4)
		// As a terminal does: to the whole group, of which the hosts of srun and mpirun are no part.
		interrupt := func() { _ = syscall.Kill(-j.running[0].Process.Pid, syscall.SIGINT) }
		interrupt()
		if l.loud { // srun says first how the tasks are; a second time within a second ends them
			if err := await("word from srun", func() bool { _, stderr := j.output(); return strings.Contains(stderr, "one more within 1 sec") }); err != nil {
				t.Fatal(j.report())
			}
			interrupt()
		}
		if err := j.wait(); err == nil && !l.lenient {
			t.Errorf("status 0 after an interrupt\n%s", j.report())
		}
		j.gone("", 10*time.Second) // how long a launcher gives its processes is its own business
	})
}

func TestTwoHostsOfOneRank(t *testing.T) {
	j := newJob(t)
	env := variables(t, 4)
	for _, rank := range []int{1, 2, 2, 0} { // rank 3 never comes, so nothing can start before the clash is seen
		j.start(append(env, fmt.Sprintf("JIA_RANK=%d", rank)), built+"/host", "sum")
	}
	for range j.running {
		if err := <-j.ended; err == nil {
			t.Error("a host ended with status 0")
		}
	}
	if lines := j.lines(); len(lines) != 1 || !strings.Contains(lines[0], "two hosts claim rank 2") {
		t.Errorf("not one line about the clash\n%s", j.report())
	}
	j.gone("", endLimit)
}

func TestSettingsDiffer(t *testing.T) {
	j := newJob(t)
	env := variables(t, 2)
	j.start(append(env, "JIA_RANK=0"), built+"/host", "sum")
	j.start(append(env, "JIA_RANK=1", "JIA_REGION_SIZE=64G"), built+"/host", "sum")
	_ = j.wait()
	if lines := j.lines(); len(lines) != 1 || !strings.Contains(lines[0], "JIA_REGION_SIZE") {
		t.Errorf("not one line about the settings\n%s", j.report())
	}
	j.gone("", endLimit)
}

// TestTransportsDiffer has hosts that would not wait for each other at the same place.
func TestTransportsDiffer(t *testing.T) {
	j := newJob(t)
	env := variables(t, 2)
	j.start(append(env, "JIA_RANK=0"), built+"/host", "sum")
	j.start(append(env, "JIA_RANK=1", "JIA_COMM_TYPE=tcp"), built+"/host", "sum")
	_ = j.wait()
	if lines := j.lines(); len(lines) != 1 || !strings.Contains(lines[0], "JIA_COMM_TYPE=tcp") || !strings.Contains(lines[0], "JIA_COMM_TYPE=auto") {
		t.Errorf("not one line about the settings\n%s", j.report())
	}
	j.gone("", endLimit)
}

// TestTwoUsers has hosts of two users on one machine: those of one user share memory, the rest talks over TCP.
func TestTwoUsers(t *testing.T) {
	need(t, "setpriv")
	if os.Getuid() != 0 {
		t.Skip("only root can be two users")
	}
	const nobody = 65534
	if err := os.Chmod(built, 0o755); err != nil {
		t.Fatal(err)
	}
	j := newJob(t)
	env := append(variables(t, 4), "JIA_LOG=info")
	text, err := os.ReadFile(strings.TrimPrefix(env[2], "JIA_SECRET_FILE="))
	if err != nil {
		t.Fatal(err)
	}
	theirs := built + "/secret"
	if err := errors.Join(os.WriteFile(theirs, text, 0o600), os.Chown(theirs, nobody, nobody)); err != nil {
		t.Fatal(err)
	}
	for rank := range 4 {
		own := append(env, fmt.Sprintf("JIA_RANK=%d", rank))
		if rank < 2 {
			j.start(own, built+"/host", "sum")
		} else {
			j.start(append(own, "JIA_SECRET_FILE="+theirs), "setpriv", "--reuid=65534", "--clear-groups", built+"/host", "sum")
		}
	}
	if err := j.wait(); err != nil {
		t.Error(err)
	}
	stdout, stderr := j.output()
	if !strings.Contains(stdout, "right on 4 hosts") {
		t.Error(j.report())
	}
	for _, want := range []string{"host 0: info: reaches host 1 by shared memory, hosts 2-3 by ", "host 3: info: reaches host 2 by shared memory, hosts 0-1 by "} {
		if !strings.Contains(stderr, want) {
			t.Errorf("no line %q\n%s", want, stderr)
		}
	}
	j.gone("", endLimit)
}

func TestOtherSecret(t *testing.T) {
	j := newJob(t)
	right, wrong := variables(t, 2), variables(t, 2)
	wrong[1] = right[1] // the same root
	j.start(append(wrong, "JIA_RANK=1"), built+"/host", "sum")
	j.start(append(right, "JIA_RANK=0"), built+"/host", "sum")
	if err := await("a refusal", func() bool { return len(j.lines()) >= 2 }); err != nil {
		t.Fatal(j.report())
	}
	j.start(append(right, "JIA_RANK=1"), built+"/host", "sum") // the job goes on without it
	_ = j.wait()
	stdout, stderr := j.output()
	if !strings.Contains(stdout, "right on 2 hosts") || !strings.Contains(stderr, "another secret") || len(j.lines()) != 2 {
		t.Error(j.report())
	}
	j.gone("", endLimit)
}

func TestLauncherWins(t *testing.T) {
	each(t, func(t *testing.T, l launcher) {
		j := newJob(t)
		l.start(j, 2, []string{"JIA_NPROC=3"}, "sum")
		err := j.wait()
		stdout, _ := j.output()
		if err != nil || !strings.Contains(stdout, "right on 2 hosts") {
			t.Errorf("%v\n%s", err, j.report())
		}
		if lines := j.lines(); len(lines) != 1 || !strings.Contains(lines[0], "JIA_NPROC") {
			t.Errorf("not one warning\n%s", j.report())
		}
	})
}
