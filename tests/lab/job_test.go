package lab

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// ordinaryUser is a user without any privilege: nobody.
const ordinaryUser = 65534

// deadline is how long a job may take: everything is emulated.
const deadline = 3 * time.Minute

// transports are the values of JIA_COMM_TYPE. Hosts of different machines have no memory to share, so auto means RDMA where there is a
// device at both ends.
var transports = []string{"tcp", "rdma", "auto"}

// A job is a program on several machines, started host by host.
type job struct {
	program string
	args    []string
	hosts   int
	on      []*machine // by host; nil: all on those with an RDMA device, in their order
	comm    string
	env     []string
	wrap    []string // a program that runs the program, with its arguments
	user    bool     // run as an ordinary user
}

func (j job) String() string {
	return fmt.Sprintf("JIA_COMM_TYPE=%s %s on %d hosts", j.comm, strings.Join(append([]string{j.program}, j.args...), " "), j.hosts)
}

// A running job.
type running struct {
	t     *testing.T
	job   job
	dir   string // of all hosts, and writable by them
	hosts []*host
}

// A host is one process of a job.
type host struct {
	cmd            *exec.Cmd
	stdout, stderr output
	ended          chan struct{} // closed when it has been collected
	end            moment        // when that was
}

var ports atomic.Int32 // that jobs have used so far

const firstPort = 7000

// start starts the job. What is left of it is killed when the test ends.
func (j job) start(t *testing.T) *running {
	t.Helper()
	r := &running{t: t, job: j, dir: t.TempDir()}
	secret := filepath.Join(r.dir, "secret")
	err := os.WriteFile(secret, []byte("the secret of "+secret), 0o600)
	if err == nil && j.user {
		for _, path := range []string{r.dir, secret} {
			if err == nil {
				err = os.Chown(path, ordinaryUser, ordinaryUser)
			}
		}
		if err == nil {
			err = os.Chmod(filepath.Dir(r.dir), 0o755)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if j.on == nil {
		j.on = machines
	}
	root := fmt.Sprintf("%s:%d", j.on[0].address, firstPort+ports.Add(1))
	for i := range j.hosts {
		argv := append(append([]string{}, j.wrap...), append([]string{filepath.Join(built, j.program)}, j.args...)...)
		h := &host{cmd: exec.Command(argv[0], argv[1:]...), ended: make(chan struct{})}
		h.cmd.Dir = r.dir
		h.cmd.Env = append(withoutJia(os.Environ()), fmt.Sprintf("JIA_RANK=%d", i), fmt.Sprintf("JIA_SIZE=%d", j.hosts), "JIA_ROOT="+root,
			"JIA_SECRET_FILE="+secret, "JIA_NETWORK="+j.on[i].address, "JIA_COMM_TYPE="+j.comm)
		if j.hosts > 2 {
			h.cmd.Env = append(h.cmd.Env, "JIA_SPIN=off") // the hosts cannot know that they share two processors
		}
		h.cmd.Env = append(h.cmd.Env, j.env...)
		h.cmd.Stdout, h.cmd.Stderr = &h.stdout, &h.stderr
		if j.user {
			h.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: ordinaryUser, Gid: ordinaryUser}}
		}
		if err := j.on[i].start(h.cmd); err != nil {
			t.Fatal(err)
		}
		r.hosts = append(r.hosts, h)
		go func() {
			_ = h.cmd.Wait() // the status says it all
			h.end = now()
			close(h.ended)
		}()
		t.Cleanup(func() {
			_ = h.cmd.Process.Kill()
			<-h.ended
		})
	}
	return r
}

// wait waits for the end of all hosts.
func (r *running) wait() {
	r.t.Helper()
	late := time.After(deadline)
	for i, h := range r.hosts {
		select {
		case <-h.ended:
		case <-late:
			r.t.Fatalf("%v: host %d is not at an end after %v\n%s", r.job, i, deadline, r.report())
		}
	}
}

// run runs the job to its end.
func (j job) run(t *testing.T) *running {
	t.Helper()
	r := j.start(t)
	r.wait()
	return r
}

// good checks that all hosts ended well and in silence, but for what the program printed. It returns that of all hosts.
func (r *running) good() string {
	r.t.Helper()
	for i, h := range r.hosts {
		if h.cmd.ProcessState.ExitCode() != 0 || r.job.quiet() && h.stderr.String() != "" {
			r.t.Fatalf("%v: host %d: %v\n%s", r.job, i, h.cmd.ProcessState, r.report())
		}
	}
	return r.stdout()
}

// quiet tells whether nothing is expected on standard error.
func (j job) quiet() bool { return !strings.Contains(strings.Join(j.env, " "), "JIA_LOG=") }

// failed checks that all hosts that could say so ended as failures, that the first cause is told in one line, and that it has all the
// given parts. It returns the line.
func (r *running) failed(parts ...string) string {
	r.t.Helper()
	for i, h := range r.hosts {
		if h.cmd.ProcessState.ExitCode() == 0 {
			r.t.Errorf("%v: host %d ended with status 0", r.job, i)
		}
	}
	var lines []string
	for _, line := range strings.Split(r.stderr(), "\n") {
		if strings.HasPrefix(line, "jia: ") {
			lines = append(lines, line)
		} else if line != "" {
			r.t.Errorf("%v: not a line of the library's: %s", r.job, line)
		}
	}
	if len(lines) == 0 {
		r.t.Fatalf("%v: no word about the failure\n%s", r.job, r.report())
	}
	for _, part := range parts {
		if !strings.Contains(strings.ToLower(lines[0]), strings.ToLower(part)) {
			r.t.Errorf("%v: the line does not say %q\n%s", r.job, part, r.report())
		}
	}
	return lines[0]
}

func (r *running) stdout() string {
	var b strings.Builder
	for _, h := range r.hosts {
		b.WriteString(h.stdout.String())
	}
	return b.String()
}

func (r *running) stderr() string {
	var b strings.Builder
	for _, h := range r.hosts {
		b.WriteString(h.stderr.String())
	}
	return b.String()
}

func (r *running) report() string {
	var b strings.Builder
	for i, h := range r.hosts {
		state := "running"
		select {
		case <-h.ended:
			state = h.cmd.ProcessState.String()
		default:
		}
		fmt.Fprintf(&b, "host %d (%s):\n%s%s", i, state, h.stdout.String(), h.stderr.String())
	}
	return b.String()
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
