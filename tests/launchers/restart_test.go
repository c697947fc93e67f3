package launchers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// restarted makes a launcher's commands those of jia-restart.
func restarted(start func(j *job, n int, env []string, args ...string)) func(j *job, n int, env []string, args ...string) {
	return func(j *job, n int, env []string, args ...string) {
		j.prefix = []string{built + "/jia-restart"}
		start(j, n, env, args...)
	}
}

// readyAgain is ready for the run of that number.
func (j *job) readyAgain(n, run int) map[int]int {
	j.t.Helper()
	said := regexp.MustCompile(`(?m)^ready (\d+) (\d+)$`)
	for until := time.Now().Add(deadline); ; time.Sleep(5 * time.Millisecond) {
		stdout, _ := j.output()
		if found := said.FindAllStringSubmatch(stdout, -1); len(found) == n*(run+1) {
			pids := make(map[int]int)
			for _, words := range found[n*run:] {
				rank, _ := strconv.Atoi(words[1])
				pids[rank], _ = strconv.Atoi(words[2])
			}
			return pids
		}
		if time.Now().After(until) {
			j.t.Fatalf("no %d hosts of run %d\n%s", n, run, j.report())
		}
	}
}

// eachCommand is each without the hosts that are started by hand: there is no one command for them.
func eachCommand(t *testing.T, test func(t *testing.T, l launcher)) {
	each(t, func(t *testing.T, l launcher) {
		if l.name != "by hand" {
			test(t, l)
		}
	})
}

// Under any launcher the job begins again when a host is killed, host 0 included.
func TestRestart(t *testing.T) {
	eachCommand(t, func(t *testing.T, l launcher) {
		j := newJob(t)
		dir := t.TempDir()
		restarted(l.start)(j, 4, []string{"JIA_CKPT_DIR=" + dir}, "go")
		for run, victim := range []int{2, 0} {
			if err := syscall.Kill(j.readyAgain(4, run)[victim], syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
		j.readyAgain(4, 2)
		if err := os.WriteFile(filepath.Join(j.dir(), "go"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		err := j.wait()
		stdout, stderr := j.output()
		if err != nil || !strings.HasSuffix(stdout, "the sum is right on 4 hosts\n") {
			t.Errorf("%v\n%s", err, j.report())
		}
		for i := range 2 {
			if line := regexp.MustCompile(fmt.Sprintf(`(?m)^jia: restart %d of 3, from the beginning: \S`, i+1)); !line.MatchString(stderr) {
				t.Errorf("no line for restart %d\n%s", i+1, j.report())
			}
		}
		if left, _ := filepath.Glob(dir + "/*"); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
		j.gone("", endLimit)
	})
}

// So it does when a host hangs, be it the one that collects what the others have to say.
func TestRestartAfterAHang(t *testing.T) {
	eachCommand(t, func(t *testing.T, l launcher) {
		j := newJob(t)
		restarted(l.start)(j, 4, []string{"JIA_CKPT_DIR=" + t.TempDir(), "JIA_PEER_TIMEOUT=1000"}, "go")
		victims := []int{0, 2}
		if l.lenient {
			victims = victims[:1] // jia-restart has to kill it, which takes a while
		}
		for run, victim := range victims {
			if err := syscall.Kill(j.readyAgain(4, run)[victim], syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
		}
		j.readyAgain(4, len(victims))
		if err := os.WriteFile(filepath.Join(j.dir(), "go"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		err := j.wait()
		if _, stderr := j.output(); err != nil || strings.Count(stderr, "nothing was heard of it for 1 s") != len(victims) {
			t.Errorf("%v\n%s", err, j.report())
		}
		j.gone("", endLimit)
	})
}

// Open MPI takes the user's variables from jia-restart's command line as from any.
func TestRestartWithVariables(t *testing.T) {
	j := newJob(t)
	restarted(func(j *job, n int, env []string, args ...string) {
		need(t, "mpirun.openmpi")
		argv := []string{"mpirun.openmpi", "-x", "JIA_REGION_SIZE", "--oversubscribe", "-n", strconv.Itoa(n)}
		if os.Getuid() == 0 {
			argv = append(argv, "--allow-run-as-root")
		}
		j.start(env, append(append(argv, built+"/host"), args...)...)
	})(j, 2, []string{"JIA_REGION_SIZE=64M", "JIA_CKPT_DIR=" + t.TempDir()}, "go")
	if err := syscall.Kill(j.readyAgain(2, 0)[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	j.readyAgain(2, 1)
	if err := os.WriteFile(filepath.Join(j.dir(), "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := j.wait(); err != nil {
		t.Errorf("%v\n%s", err, j.report())
	}
	j.gone("", endLimit)
}

// A program's own error is its end.
func TestNoRestartOfAnError(t *testing.T) {
	eachCommand(t, func(t *testing.T, l launcher) {
		for _, mode := range [][]string{{"error"}, {"exit", "3"}} {
			j := newJob(t)
			restarted(l.start)(j, 3, nil, mode...)
			err := j.wait()
			if _, stderr := j.output(); err == nil || strings.Contains(stderr, "restart") {
				t.Errorf("%v: %v\n%s", mode, err, j.report())
			}
			j.gone("", endLimit)
		}
	})
}

// Whoever ends the command by a signal has it ended.
func TestSignalsToARestart(t *testing.T) {
	eachCommand(t, func(t *testing.T, l launcher) {
		j := newJob(t)
		restarted(l.start)(j, 3, nil, "wait")
		j.ready(3)
		if err := j.running[0].Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		_ = j.wait() // the status is the launcher's business
		if _, stderr := j.output(); strings.Contains(stderr, "restart") {
			t.Errorf("%s", j.report())
		}
		j.gone("", 10*time.Second)
	})
}

// A node of the allocation goes down: the job goes on with the others, all of its hosts or fewer.
func TestRestartWithoutANode(t *testing.T) {
	need(t, "sinfo", "scontrol")
	env := pair(t)
	control := func(words ...string) {
		t.Helper()
		cmd := exec.Command("scontrol", append([]string{"update", "NodeName=pair2"}, words...)...)
		cmd.Env = append(os.Environ(), env...)
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("scontrol %v: %v\n%s", words, err, text)
		}
	}
	for _, test := range []struct {
		hosts string
		left  int
	}{{"same", 4}, {"fewer", 2}} {
		t.Run(test.hosts, func(t *testing.T) {
			dir := t.TempDir()
			path, output := script(t, "cd "+dir+" && exec "+built+"/jia-restart srun --mpi=pmi2 "+built+"/host go")
			j := newJob(t)
			j.start(append(env, "JIA_CKPT_DIR="+filepath.Join(dir, "ckpt"), "JIA_RESTART_HOSTS="+test.hosts),
				"sbatch", "--wait", "--no-kill", "-p", "pair", "-N", "2", "-n", "4", "-o", output, path)
			for _, rank := range []string{"0", "1", "2", "3"} {
				contains(t, output, "ready "+rank+" ")
			}
			control("State=DOWN", "Reason=test")
			text := contains(t, output, "jia: restart 1 of 3, from the beginning, on 1 of 2 nodes: ")
			for until := time.Now().Add(deadline); strings.Count(text, "ready ") < 4+test.left; text = contains(t, output, "") {
				if time.Now().After(until) {
					t.Fatalf("%s", text)
				}
				time.Sleep(10 * time.Millisecond)
			}
			if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o644); err != nil {
				t.Fatal(err)
			}
			if err := j.wait(); err != nil {
				t.Errorf("%v\n%s", err, j.report())
			}
			contains(t, output, fmt.Sprintf("right on %d hosts", test.left))
			j.gone("", endLimit)
			if err := await("two idle nodes", func() bool { return idle("pair") }); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// JIA_ON_FAILURE alone cannot do it, and says so.
func TestRestartTakesTheCommand(t *testing.T) {
	j := newJob(t)
	mpiexec(j, 2, []string{"JIA_ON_FAILURE=restart"}, "sum")
	err := j.wait()
	if _, stderr := j.output(); err != nil || strings.Count(stderr, "jia-restart") != 1 {
		t.Errorf("%v\n%s", err, j.report())
	}
	j.gone("", endLimit)
}
