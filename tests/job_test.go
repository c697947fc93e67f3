package tests

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// endLimit is the promise: after a host has died, everything is gone within this time.
const endLimit = 2 * time.Second

// ordinaryUser is a user without any privilege: nobody.
const ordinaryUser = 65534

// A job says how a program is run. The zero value of each field is the usual case.
type job struct {
	program  string
	args     []string
	hosts    int           // 0: JIA_NPROC is not set
	env      []string      // beyond the test's own environment
	stdin    string        //
	user     bool          // run as an ordinary user
	wrap     []string      // a program that runs the program, with its arguments
	deadline time.Duration // 0: a minute
}

func (j job) String() string {
	return fmt.Sprintf("JIA_NPROC=%d %s %s", j.hosts, strings.Join(j.env, " "), strings.Join(append([]string{j.program}, j.args...), " "))
}

// A running job.
type running struct {
	t      *testing.T
	job    job
	cmd    *exec.Cmd
	tag    string // in the environment of all its processes, and of no other
	dir    string // its working directory and TMPDIR, empty at the start
	stdout output
	stderr output
	began  time.Time
	ended  chan struct{} // closed when host 0 was collected and its output is complete
	shm    []string      // what was in /dev/shm before
}

// A result is what a job left behind when it ended.
type result struct {
	job    job
	status syscall.WaitStatus // of host 0, as a shell would see it
	stdout string
	stderr string
}

const tagVariable = "TEST_OF_JOB"

var tags struct {
	sync.Mutex
	n int
}

func newTag() string {
	tags.Lock()
	defer tags.Unlock()
	tags.n++
	return fmt.Sprintf("%d.%d", os.Getpid(), tags.n)
}

// start starts the job. It is killed when the test ends, if it is still there by then.
func (j job) start(t *testing.T) *running {
	t.Helper()
	if j.deadline == 0 {
		j.deadline = time.Minute
	}
	r := &running{t: t, job: j, tag: newTag(), ended: make(chan struct{})}
	r.dir = publicDir(t)
	argv := slices.Concat(j.wrap, []string{filepath.Join(built, j.program)}, j.args)
	r.cmd = exec.Command(argv[0], argv[1:]...)
	r.cmd.Dir = r.dir
	r.cmd.Env = append(withoutJia(os.Environ()), "PWD="+r.dir, "TMPDIR="+r.dir, tagVariable+"="+r.tag)
	if j.hosts > 0 {
		r.cmd.Env = append(r.cmd.Env, fmt.Sprintf("JIA_NPROC=%d", j.hosts))
	}
	r.cmd.Env = append(r.cmd.Env, j.env...)
	r.cmd.Stdin = strings.NewReader(j.stdin)
	r.cmd.Stdout, r.cmd.Stderr = &r.stdout, &r.stderr
	r.cmd.WaitDelay = 5 * time.Second // for a process that outlives host 0 and holds its output open
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if j.user && os.Getuid() == 0 {
		r.cmd.SysProcAttr.Credential = &syscall.Credential{Uid: ordinaryUser, Gid: ordinaryUser}
	}
	r.shm = list("/dev/shm")
	r.began = time.Now()
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = r.cmd.Wait() // the status says it all
		close(r.ended)
	}()
	t.Cleanup(r.kill)
	return r
}

// withoutJia removes the settings of whoever runs the tests.
func withoutJia(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(entry string) bool { return strings.HasPrefix(entry, "JIA_") })
}

// publicDir makes an empty folder that any user may write to.
func publicDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "jia-job-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

// wait waits for the end of the job and of every process of it. Being late fails the test, after a dump.
func (r *running) wait() result {
	r.t.Helper()
	left := r.job.deadline - time.Since(r.began)
	select {
	case <-r.ended:
	case <-time.After(left):
		r.late("not at an end after " + r.job.deadline.String())
	}
	r.waitGone(time.Now().Add(endLimit))
	status, _ := r.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return result{job: r.job, status: status, stdout: r.stdout.String(), stderr: r.stderr.String()}
}

// run is start and wait.
func (j job) run(t *testing.T) result {
	t.Helper()
	return j.start(t).wait()
}

// waitGone waits until no process of the job is left.
func (r *running) waitGone(until time.Time) {
	r.t.Helper()
	for {
		left := processes(r.tag)
		if len(left) == 0 {
			return
		}
		if time.Now().After(until) {
			r.late(fmt.Sprintf("processes %v are left", left))
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// late dumps what the job's processes are doing and fails the test.
func (r *running) late(what string) {
	r.t.Helper()
	dump := dumpProcesses(processes(r.tag))
	r.kill()
	r.t.Fatalf("%v: %s\n%s\nstdout:\n%s\nstderr:\n%s", r.job, what, dump, tail(r.stdout.String()), tail(r.stderr.String()))
}

// kill ends what is left of the job.
func (r *running) kill() {
	for _, pid := range processes(r.tag) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	<-r.ended
}

// nothingLeft checks that a job that has ended left no file anywhere. Files the test made in the job's folder are given.
func (r *running) nothingLeft(made ...string) {
	r.t.Helper()
	if left := processes(r.tag); len(left) > 0 {
		r.t.Errorf("%v: processes %v are left", r.job, left)
	}
	for _, name := range list(r.dir) {
		if !slices.Contains(made, name) {
			r.t.Errorf("%v: left the file %s", r.job, name)
		}
	}
	for _, name := range list("/dev/shm") {
		if !slices.Contains(r.shm, name) {
			r.t.Errorf("%v: left /dev/shm/%s", r.job, name)
		}
	}
}

func list(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// good checks that the job ended well, printed nothing on standard error, and somewhere the given text.
func (r result) good(t *testing.T, text string) {
	t.Helper()
	if r.status != 0 || r.stderr != "" {
		t.Errorf("%v: %s\nstdout:\n%s\nstderr:\n%s", r.job, describe(r.status), tail(r.stdout), tail(r.stderr))
		return
	}
	if !strings.Contains(r.stdout, text) {
		t.Errorf("%v: did not print %q:\n%s", r.job, text, tail(r.stdout))
	}
}

// failed checks that the job ended badly, and that what the library says is one line with all the given parts. It returns the
// line.
func (r result) failed(t *testing.T, parts ...string) string {
	t.Helper()
	bad := func(what string) {
		t.Helper()
		t.Errorf("%v: %s; %s\nstdout:\n%s\nstderr:\n%s", r.job, what, describe(r.status), tail(r.stdout), tail(r.stderr))
	}
	if r.status == 0 {
		bad("exit status 0")
	}
	r.noGoTrace(t)
	lines := strings.Split(strings.TrimSuffix(r.stderr, "\n"), "\n")
	if len(lines) != 1 || !strings.HasPrefix(lines[0], "jia: ") || !strings.HasSuffix(r.stderr, "\n") {
		bad("not one line of the library's")
		return r.stderr
	}
	for _, part := range parts {
		if !strings.Contains(lines[0], part) {
			bad(fmt.Sprintf("the line does not say %q", part))
		}
	}
	return lines[0]
}

// noGoTrace checks that the Go runtime kept silent.
func (r result) noGoTrace(t *testing.T) {
	t.Helper()
	for _, mark := range []string{"goroutine ", "runtime: ", "runtime.", "fatal error:", "panic:", "SIGSEGV: segmentation"} {
		if strings.Contains(r.stderr, mark) {
			t.Errorf("%v: a trace of Go:\n%s", r.job, tail(r.stderr))
			return
		}
	}
}

func describe(status syscall.WaitStatus) string {
	if status.Signaled() {
		return fmt.Sprintf("killed by signal %d (%v)", int(status.Signal()), status.Signal())
	}
	return fmt.Sprintf("exit status %d", status.ExitStatus())
}

// tail shortens output for a report.
func tail(text string) string {
	const most = 4000
	if len(text) <= most {
		return text
	}
	return text[:most/4] + "\n[...]\n" + text[len(text)-most*3/4:]
}

// An output collects what a process writes. Any thread may use it.
type output struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (o *output) Write(data []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.Write(data)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.String()
}

// await waits until accept says yes to what the job has printed so far.
func (r *running) await(what string, accept func(stdout string) bool) {
	r.t.Helper()
	for limit := r.began.Add(r.job.deadline); !accept(r.stdout.String()); time.Sleep(2 * time.Millisecond) {
		select {
		case <-r.ended:
			if accept(r.stdout.String()) {
				return
			}
			r.late("ended before " + what)
		default:
		}
		if time.Now().After(limit) {
			r.late("no " + what)
		}
	}
}
