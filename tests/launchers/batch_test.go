package launchers

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// script writes a batch script and returns its path and that of its output.
func script(t *testing.T, text string) (path, output string) {
	t.Helper()
	dir := t.TempDir()
	path, output = filepath.Join(dir, "job.sh"), filepath.Join(dir, "output")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path, output
}

// contains waits until a file, which a daemon writes, has some text.
func contains(t *testing.T, path, want string) string {
	t.Helper()
	for until := time.Now().Add(deadline); ; time.Sleep(10 * time.Millisecond) {
		text, _ := os.ReadFile(path)
		if strings.Contains(string(text), want) {
			return string(text)
		}
		if time.Now().After(until) {
			t.Fatalf("%s has no %q:\n%s", path, want, text)
		}
	}
}

func TestBatch(t *testing.T) {
	env := slurm(t)
	for _, test := range []struct{ name, text, want string }{
		{"with srun", "srun " + "HOST sum", "right on 4 hosts"},
		{"without srun", "HOST sum", "right on 1 hosts"},
		{"without srun, on processes of its own", "JIA_NPROC=3 HOST sum", "right on 3 hosts"},
		{"mpiexec of MPICH", "mpiexec.hydra -launcher fork -n 3 HOST sum", "right on 3 hosts"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if command, _, _ := strings.Cut(test.text, " "); command == "mpiexec.hydra" {
				need(t, command)
			}
			path, output := script(t, strings.ReplaceAll(test.text, "HOST", built+"/host"))
			j := newJob(t)
			j.start(env, "sbatch", "--wait", "-n", "4", "-o", output, path)
			if err := j.wait(); err != nil {
				t.Errorf("%v\n%s", err, j.report())
			}
			contains(t, output, test.want)
			j.gone("", endLimit)
		})
	}
}

// A batch script gets the variables of the step that it was submitted from, which must not make a host of it.
func TestBatchSubmittedInAStep(t *testing.T) {
	env := slurm(t)
	path, output := script(t, built+"/host sum")
	j := newJob(t)
	j.start(env, "srun", "-n", "2", "sh", "-c", "test $SLURM_PROCID = 1 || sbatch --wait -n 4 -o "+output+" "+path)
	if err := j.wait(); err != nil {
		t.Errorf("%v\n%s", err, j.report())
	}
	contains(t, output, "right on 1 hosts")
	j.gone("", endLimit)
}

func TestScancel(t *testing.T) {
	env := slurm(t)
	path, output := script(t, "srun "+built+"/host wait")
	j := newJob(t)
	j.start(env, "sbatch", "-n", "4", "-o", output, path)
	if err := j.wait(); err != nil {
		t.Fatalf("%v\n%s", err, j.report())
	}
	stdout, _ := j.output()
	number := regexp.MustCompile(`\d+`).FindString(stdout)
	for _, rank := range []string{"0", "1", "2", "3"} {
		contains(t, output, "ready "+rank+" ")
	}
	cancel := exec.Command("scancel", number)
	cancel.Env = append(os.Environ(), env...)
	if text, err := cancel.CombinedOutput(); err != nil {
		t.Fatalf("scancel: %v\n%s", err, text)
	}
	j.gone("", 10*time.Second) // Slurm's own time, before it kills
}
