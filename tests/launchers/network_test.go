package launchers

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// network makes two machines as far as addresses go: namespaces that are joined by a cable, 10.99.0.1 and 10.99.0.2. It
// returns the commands that run a program on each.
func network(t *testing.T) [2][]string {
	t.Helper()
	need(t, "ip")
	var on [2][]string
	name := func(i int) string { return fmt.Sprintf("jia%d-%d", os.Getpid(), i) }
	ip := func(words ...string) error {
		if text, err := exec.Command("ip", words...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", strings.Join(words, " "), err, text)
		}
		return nil
	}
	for i := range on {
		if err := ip("netns", "add", name(i)); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
		t.Cleanup(func() {
			if err := ip("netns", "del", name(i)); err != nil {
				t.Error(err)
			}
		})
		on[i] = []string{"ip", "netns", "exec", name(i)}
	}
	steps := [][]string{{"link", "add", "cable", "netns", name(0), "type", "veth", "peer", "name", "cable", "netns", name(1)}}
	for i := range on {
		steps = append(steps, []string{"-n", name(i), "address", "add", fmt.Sprintf("10.99.0.%d/24", i+1), "dev", "cable"},
			[]string{"-n", name(i), "link", "set", "cable", "up"}, []string{"-n", name(i), "link", "set", "lo", "up"})
	}
	for _, step := range steps {
		if err := ip(step...); err != nil {
			t.Fatal(err)
		}
	}
	return on
}

// over starts hosts 0 and 1 on the first machine, 2 and 3 on the second.
func over(j *job, on [2][]string, env []string, mode string) {
	j.t.Helper()
	env = append(env, variables(j.t, 4)...)
	env = append(env, "JIA_ROOT=10.99.0.1:7000")
	for rank := range 4 {
		j.start(append(env, fmt.Sprintf("JIA_RANK=%d", rank)), append(append([]string{}, on[rank/2]...), built+"/host", mode)...)
	}
}

func TestTwoMachines(t *testing.T) {
	on := network(t)
	for _, env := range [][]string{nil, {"JIA_NETWORK=10.99.0.0/24"}, {"JIA_NETWORK=cable"}} {
		j := newJob(t)
		over(j, on, env, "sum")
		err := j.wait()
		stdout, stderr := j.output()
		if err != nil || stderr != "" || !strings.Contains(stdout, "right on 4 hosts") {
			t.Errorf("%v: %v\n%s", env, err, j.report())
		}
		j.gone("", endLimit)
	}
}

// A Slurm step on two nodes, but for Slurm: the variables are those that it sets, and munge is real.
func TestStepOnTwoNodes(t *testing.T) {
	on, env := network(t), slurm(t)
	env = append(env, "SLURM_JOB_ID=77", "SLURM_STEP_ID=0", "SLURM_STEP_NUM_TASKS=4", "SLURM_STEP_NUM_NODES=2", "SLURM_STEP_NODELIST=10.99.0.[1,2]")
	j := newJob(t)
	for rank := range 4 {
		j.start(append(env, fmt.Sprintf("SLURM_PROCID=%d", rank)), append(append([]string{}, on[rank/2]...), built+"/host", "sum")...)
	}
	err := j.wait()
	stdout, stderr := j.output()
	if err != nil || stderr != "" || !strings.Contains(stdout, "right on 4 hosts") {
		t.Errorf("%v\n%s", err, j.report())
	}
	j.gone("", endLimit)
}

// PMI reaches a process on another machine through a descriptor, as here; that all are on one must not be said, then.
func TestPMIOnTwoMachines(t *testing.T) {
	need(t, "mpiexec.hydra")
	on := network(t)
	j := newJob(t)
	j.start(nil, "mpiexec.hydra", "-n", "4", "env", "-u", "MPI_LOCALNRANKS", "sh", "-c",
		fmt.Sprintf("if test $PMI_RANK -lt 2; then exec %s %s sum; else exec %s %[2]s sum; fi",
			strings.Join(on[0], " "), built+"/host", strings.Join(on[1], " ")))
	err := j.wait()
	stdout, stderr := j.output()
	if err != nil || stderr != "" || !strings.Contains(stdout, "right on 4 hosts") {
		t.Errorf("%v\n%s", err, j.report())
	}
	j.gone("", endLimit)
}

func TestHostKilledOnAnotherMachine(t *testing.T) {
	on := network(t)
	j := newJob(t)
	over(j, on, nil, "wait")
	if err := syscall.Kill(j.ready(4)[3], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	j.gone(built+"/host", endLimit)
	_ = j.wait()
	if lines := j.lines(); len(lines) != 1 || !strings.Contains(lines[0], "host 3 (pid ") {
		t.Errorf("not one line\n%s", j.report())
	}
}

// A machine that is cut off says nothing, and is noticed all the same.
func TestMachineCutOff(t *testing.T) {
	on := network(t)
	j := newJob(t)
	over(j, on, nil, "wait")
	j.ready(4)
	if text, err := exec.Command("ip", "-n", on[1][3], "link", "set", "cable", "down").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	began := time.Now()
	j.gone(built+"/host", deadline)
	t.Logf("noticed after %v", time.Since(began))
	if err := j.wait(); err == nil {
		t.Error("status 0")
	}
}
