package launchers

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// endLimit is the promise: after a host has died, all others are gone within this time.
const endLimit = 2 * time.Second

// deadline is how long a job may take on a loaded machine.
const deadline = time.Minute

// built is the folder of the library and the program. Constant after TestMain.
var built string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) (status int) {
	var err error
	if built, err = os.MkdirTemp("", "jia-launchers-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		if err := errors.Join(stopCluster(), os.RemoveAll(built)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = 1
		}
	}()
	for _, command := range [][]string{
		{"../../scripts/archive.sh", built + "/libjia.a"},
		{"go", "build", "-o", built + "/jia-restart", "../../cmd/jia-restart"},
		{"cc", "-std=gnu99", "-O2", "-Wall", "-Wextra", "-Werror", "-I../../include", "-o", built + "/host", "programs/host.c", "-L" + built, "-ljia"},
	} {
		if text, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v: %v\n%s", command, err, text)
			return 1
		}
	}
	return m.Run()
}

// need skips the test, or fails it in CI, where a program is missing.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is not installed", program)
			}
			t.Skipf("%s is not installed", program)
		}
	}
}

// A job is the commands that start it, usually one, and their output.
type job struct {
	t       *testing.T
	tag     string
	mu      sync.Mutex // guards the two buffers
	stdout  bytes.Buffer
	stderr  bytes.Buffer
	prefix  []string // a command around each of the others
	running []*exec.Cmd
	ended   chan error // has one value for every command that has ended
}

// A writer is one of a job's buffers.
type writer struct {
	job *job
	to  *bytes.Buffer
}

func (w writer) Write(data []byte) (int, error) {
	w.job.mu.Lock()
	defer w.job.mu.Unlock()
	return w.to.Write(data)
}

var tags struct {
	sync.Mutex
	n int
}

const tagVariable = "TEST_OF_LAUNCHER"

func newJob(t *testing.T) *job {
	tags.Lock()
	tags.n++
	tag := fmt.Sprintf("%d.%d", os.Getpid(), tags.n)
	tags.Unlock()
	j := &job{t: t, tag: tag, ended: make(chan error, 64)}
	t.Cleanup(func() {
		for _, pid := range j.processes("") {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	return j
}

// start starts one command of the job, in an empty folder, with variables beyond the test's own.
func (j *job) start(env []string, argv ...string) {
	j.t.Helper()
	argv = append(slices.Clone(j.prefix), argv...)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = j.t.TempDir()
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "JIA_") || strings.HasPrefix(v, "SLURM_")
	})
	cmd.Env = append(append(cmd.Env, tagVariable+"="+j.tag), env...)
	cmd.Stdout, cmd.Stderr = writer{j, &j.stdout}, writer{j, &j.stderr}
	cmd.WaitDelay = 10 * time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		j.t.Fatal(err)
	}
	j.running = append(j.running, cmd)
	go func() { j.ended <- cmd.Wait() }()
}

// dir returns the folder that the job's only command runs in.
func (j *job) dir() string { return j.running[0].Dir }

// wait waits for all commands and returns the first error of one, which is its status.
func (j *job) wait() (first error) {
	j.t.Helper()
	timeout := time.After(deadline)
	for range j.running {
		select {
		case err := <-j.ended:
			if first == nil {
				first = err
			}
		case <-timeout:
			j.t.Fatalf("not at an end; processes %v are left\n%s", j.processes(""), j.report())
		}
	}
	return first
}

func (j *job) report() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return fmt.Sprintf("stdout:\n%s\nstderr:\n%s", j.stdout.String(), j.stderr.String())
}

func (j *job) output() (stdout, stderr string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.stdout.String(), j.stderr.String()
}

// lines returns the library's lines on standard error, without what a launcher puts before them.
func (j *job) lines() []string {
	_, stderr := j.output()
	return regexp.MustCompile(`(?m)\bjia: .*$`).FindAllString(stderr, -1)
}

// processes returns the living processes of the job, those of one program if it is given.
func (j *job) processes(program string) []int {
	mark := []byte(tagVariable + "=" + j.tag + "\x00")
	paths, _ := filepath.Glob("/proc/[0-9]*")
	var pids []int
	for _, path := range paths {
		environ, err := os.ReadFile(path + "/environ")
		if err != nil || !bytes.Contains(environ, mark) {
			continue
		}
		stat, err := os.ReadFile(path + "/stat")
		if err != nil || strings.HasPrefix(string(stat[bytes.LastIndexByte(stat, ')')+1:]), " Z") {
			continue
		}
		if exe, err := os.Readlink(path + "/exe"); err != nil || program != "" && exe != program {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(path))
		pids = append(pids, pid)
	}
	return pids
}

// gone waits until no process of a program, or of the job at all, is left.
func (j *job) gone(program string, limit time.Duration) {
	j.t.Helper()
	for until := time.Now().Add(limit); ; time.Sleep(5 * time.Millisecond) {
		left := j.processes(program)
		if len(left) == 0 {
			return
		}
		if time.Now().After(until) {
			j.t.Errorf("after %v processes %v are left\n%s", limit, left, j.report())
			return
		}
	}
}

// ready waits until n hosts have said that they are, and returns their process ids by rank.
func (j *job) ready(n int) map[int]int {
	j.t.Helper()
	said := regexp.MustCompile(`(?m)^ready (\d+) (\d+)$`)
	for until := time.Now().Add(deadline); ; time.Sleep(5 * time.Millisecond) {
		stdout, _ := j.output()
		if found := said.FindAllStringSubmatch(strings.ReplaceAll(stdout, "\r", ""), -1); len(found) == n {
			pids := make(map[int]int)
			for _, words := range found {
				rank, _ := strconv.Atoi(words[1])
				pids[rank], _ = strconv.Atoi(words[2])
			}
			return pids
		}
		if time.Now().After(until) {
			j.t.Fatalf("no %d hosts\n%s", n, j.report())
		}
	}
}
