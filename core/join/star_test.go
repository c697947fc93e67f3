package join

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jiajia/core/keep"
)

// A cast is the hosts of a job, all in this process: their exits and lines are noted instead of done.
type cast struct {
	t       *testing.T
	address string
	secret  []byte
	world   world
	keeper  *keep.Reporter // nil if there is none

	mu    sync.Mutex
	lines []string // printed
	exits int
}

func newCast(t *testing.T) *cast {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cast{t: t, address: l.Addr().String(), secret: newSecret()}
	_ = l.Close()
	c.world = world{say: c.warn, join: joinLimit, handshake: handshakeLimit, notice: noticeLimit, exit: func(int) {
		c.mu.Lock()
		c.exits++
		c.mu.Unlock()
		runtime.Goexit()
	}}
	return c
}

func (c *cast) warn(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = append(c.lines, line)
}

func (c *cast) said() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string{}, c.lines...)
}

func (c *cast) config() Config {
	return Config{Version: "3.0.0", Settings: "JIA_X=1", Warn: c.warn, Keeper: c.keeper, world: c.world}
}

func (c *cast) launch(rank, size int) *Launch {
	return &Launch{Launcher: "a test", Rank: rank, Size: size, means: agreed{address: c.address, secret: c.secret, from: "test"}}
}

// A result is what Join returned.
type result struct {
	job *Job
	err error
}

// join starts one host.
func (c *cast) join(l *Launch, config Config) chan result {
	done := make(chan result, 1)
	go func() {
		job, err := Join(l, config)
		done <- result{job, err}
	}()
	return done
}

// all starts a whole job, whose hosts are returned by rank.
func (c *cast) all(size int) []*Job {
	c.t.Helper()
	var pending []chan result
	for rank := range size {
		pending = append(pending, c.join(c.launch(rank, size), c.config()))
	}
	jobs := make([]*Job, size)
	for rank, done := range pending {
		r := <-done
		if r.err != nil {
			c.t.Fatal(r.err)
		}
		jobs[rank] = r.job
	}
	return jobs
}

// eventually waits for something that goroutines do.
func eventually(t *testing.T, what string, there func() bool) {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); !there(); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("no " + what)
		}
	}
}

func TestJobFromStartToEnd(t *testing.T) {
	c := newCast(t)
	jobs := c.all(3)
	tables := make([][]string, 3)
	var group sync.WaitGroup
	for rank, job := range jobs {
		if job.Rank() != rank || job.Size() != 3 || job.Local() != 3 || !job.SameMachine() || job.Listen() != "127.0.0.1" {
			t.Errorf("host %d: rank %d of %d, %d here, listens on %s", rank, job.Rank(), job.Size(), job.Local(), job.Listen())
		}
		if !bytes.Equal(job.Secret(), jobs[0].Secret()) || bytes.Equal(job.Secret(), c.secret) {
			t.Errorf("host %d: another secret, or that of the file", rank)
		}
		group.Add(1)
		go func() {
			defer group.Done()
			var err error
			if tables[rank], err = job.Exchange(fmt.Sprintf("127.0.0.1:%d", 1000+rank)); err != nil {
				t.Error(err)
			}
			for round := range 20 {
				text := func(rank int) string { return strings.Repeat(fmt.Sprintf("%d.%d ", rank, round), 1000) }
				texts, err := job.Gather(text(rank))
				if diff := cmp.Diff([]string{text(0), text(1), text(2)}, texts); diff != "" || err != nil {
					t.Error(err, diff)
				}
			}
			job.Leaving()
			job.Finish()
		}()
	}
	group.Wait()
	want := []string{"127.0.0.1:1000", "127.0.0.1:1001", "127.0.0.1:1002"}
	for _, got := range tables {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	if lines := c.said(); len(lines) > 0 {
		t.Errorf("said %q", lines)
	}
	if _, err := jobs[1].Exchange("again:1"); err == nil {
		t.Error("a second exchange")
	}
}

// A host that does not take part in a round is named.
func TestWhoSaysNothing(t *testing.T) {
	c := newCast(t)
	c.world.join = time.Second
	jobs := c.all(3)
	for _, rank := range []int{0, 2} {
		go func() {
			if _, err := jobs[rank].Gather("something"); err == nil {
				t.Errorf("host %d heard all", rank)
			}
		}()
	}
	eventually(t, "line", func() bool { return len(c.said()) > 0 })
	if lines := c.said(); len(lines) != 1 || !strings.HasPrefix(lines[0], "host 0: host 1 did not go on with jia_init within 1s") {
		t.Errorf("said %q", lines)
	}
}

// die does to others what a guest's death does, and nothing to itself.
func die(j *Job) {
	g := j.star.(*guest)
	g.mu.Lock()
	g.left = true
	g.mu.Unlock()
	_ = g.conn.Close()
}

// The root must end in time and say one line, whatever a host does to the job.
func TestFirstCauseIsSaidOnce(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(jobs []*Job)
		want string
	}{
		{"a guest fails", func(jobs []*Job) { go jobs[2].Fail("no more paper") }, "host 2: no more paper"},
		{"the root fails", func(jobs []*Job) { go jobs[0].Fail("host 0: no more ink") }, "host 0: no more ink"},
		{"a guest dies", func(jobs []*Job) { die(jobs[1]) }, "host 1 (pid "},
		{"a guest dies, which others notice first", func(jobs []*Job) {
			go jobs[2].Fail("the connection to host 1 broke")
			go jobs[0].Fail("the connection to host 1 broke")
			die(jobs[1])
		}, "host 1 (pid "},
		{"a guest exits early", func(jobs []*Job) { go jobs[2].Finish() }, "host 2: it called exit"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCast(t)
			began := time.Now()
			test.do(c.all(3))
			eventually(t, "line", func() bool { return len(c.said()) > 0 })
			eventually(t, "end of all", func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.exits >= 2 })
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("took %v", took)
			}
			if lines := c.said(); len(lines) != 1 || !strings.HasPrefix(lines[0], test.want) {
				t.Errorf("said %q, want %q", lines, test.want)
			}
		})
	}
}

// A keeperFile makes the hosts of a cast those of a keeper, and returns what they have told it.
func (c *cast) keeperFile() (told func() string) {
	path := filepath.Join(c.t.TempDir(), "reports")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		c.t.Fatal(err)
	}
	c.t.Setenv(keep.Env, path)
	c.keeper = keep.Find() // it stays open: hosts may outlive the test
	return func() string {
		text, err := os.ReadFile(path)
		if err != nil {
			c.t.Error(err)
		}
		return string(text)
	}
}

// With a keeper, it is told instead of the user, and the program is told as well.
func TestKeeperHearsThatTheRootHangs(t *testing.T) {
	c := newCast(t)
	told := c.keeperFile()
	jobs := c.all(3)
	var called atomic.Int32
	for _, j := range jobs[1:] {
		j.OnLoss(func(host int, line string) { called.Add(1) })
	}
	r := jobs[0].star.(*root)
	r.mu.Lock() // it is stopped in the middle of something
	defer r.mu.Unlock()
	go jobs[1].Lose(0, "lost host 0")
	go jobs[2].Lose(0, "lost host 0")
	eventually(t, "end of the guests", func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.exits >= 2 })
	for _, want := range []string{`{"kind":"lost","line":"host 1: lost host 0"}`, `{"kind":"lost","line":"host 2: lost host 0"}`} {
		if lines := c.said(); len(lines) != 0 || !strings.Contains(told(), want+"\n") {
			t.Errorf("said %q, told %q", lines, told())
		}
	}
	if n := called.Load(); n != 2 {
		t.Errorf("%d of 2 programs were told", n)
	}
}

// What a live host saw of a death before host 0 heard of that is not what the keeper goes by.
func TestKeeperHearsOfADeathLate(t *testing.T) {
	c := newCast(t)
	told := c.keeperFile()
	jobs := c.all(3)
	go jobs[0].Fail("the connection to host 1 broke")
	eventually(t, "report", func() bool { return told() != "" })
	die(jobs[1])
	eventually(t, "end", func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.exits >= 2 })
	lines := strings.Split(told(), "\n")
	if len(lines) != 3 || lines[0] != `{"kind":"failed"}` || !strings.HasPrefix(lines[1], `{"kind":"lost","host":1,`) ||
		!strings.HasSuffix(lines[1], `,"instead":true}`) || len(c.said()) > 0 {
		t.Errorf("told %q, said %q", lines, c.said())
	}
}

// Where host 0 hangs, and says nothing of what it is told, host 1 speaks in its place.
func TestRootHangs(t *testing.T) {
	c := newCast(t)
	jobs := c.all(3)
	r := jobs[0].star.(*root)
	r.mu.Lock() // it is stopped in the middle of something
	defer r.mu.Unlock()
	go jobs[1].Fail("lost host 0")
	go jobs[2].Fail("lost host 0")
	eventually(t, "end of the guests", func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.exits >= 2 })
	if lines := c.said(); len(lines) != 1 || lines[0] != "host 1: lost host 0" {
		t.Errorf("said %q", lines)
	}
}

func TestRootGone(t *testing.T) {
	c := newCast(t)
	jobs := c.all(3)
	r := jobs[0].star.(*root)
	for _, g := range r.guests[1:] {
		r.mu.Lock()
		g.left = true // the root is as good as dead: it must not say that its guests are
		r.mu.Unlock()
		_ = g.conn.Close()
	}
	eventually(t, "end of the guests", func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.exits >= 2 })
	if lines := c.said(); len(lines) != 1 || !strings.Contains(lines[0], "host 0 at 127.0.0.1") {
		t.Errorf("said %q", lines)
	}
}

func TestWhoMayNotJoin(t *testing.T) {
	for _, test := range []struct {
		name string
		size int
		bad  func(l *Launch, c *Config)
		want string
	}{
		{"another version", 2, func(_ *Launch, c *Config) { c.Version = "3.1.4" }, "version 3.1.4 of the library, but host 0 has 3.0.0"},
		{"other settings", 2, func(_ *Launch, c *Config) { c.Settings = "JIA_X=2" }, "JIA_X=2, but host 0 has JIA_X=1"},
		{"another size", 2, func(l *Launch, _ *Config) { l.Size = 5 }, "was told of 5 hosts"},
		{"a rank beyond the size", 2, func(l *Launch, _ *Config) { l.Rank = 2 }, "beyond the 2 hosts"},
		{"a rank of the root's", 2, func(l *Launch, _ *Config) {}, "two hosts claim rank 0"},
		{"a rank that another has", 3, func(l *Launch, _ *Config) {}, "two hosts claim rank 1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCast(t)
			c.join(c.launch(0, test.size), c.config())
			l, config := c.launch(1, test.size), c.config()
			switch test.bad(l, &config); {
			case strings.Contains(test.want, "rank 0"):
				other := &root{self: hello(c.launch(0, 2), config, newSecret()), config: config}
				eventually(t, "root", func() bool {
					conn, err := net.Dial("tcp", c.address)
					if err == nil {
						_ = conn.Close()
					}
					return err == nil
				})
				other.contest(agreed{address: c.address, secret: c.secret}.place())
			case strings.Contains(test.want, "rank 1"):
				c.join(c.launch(1, test.size), config)
				fallthrough
			default:
				c.join(l, config)
			}
			eventually(t, "line", func() bool { return strings.Contains(fmt.Sprint(c.said()), test.want) })
		})
	}
}

func TestWhoIsWaitedFor(t *testing.T) {
	c := newCast(t)
	c.world.notice = 0
	guest := c.join(c.launch(1, 3), c.config())
	eventually(t, "line of the guest", func() bool { return len(c.said()) == 1 })
	root := c.join(c.launch(0, 3), c.config())
	eventually(t, "line of the root", func() bool { return len(c.said()) == 2 })
	last := c.join(c.launch(2, 3), c.config())
	for _, host := range []chan result{guest, root, last} {
		if r := <-host; r.err != nil {
			t.Error(r.err)
		}
	}
	lines := c.said()
	if !strings.HasPrefix(lines[0], "host 0 at "+c.address) || !strings.Contains(lines[0], "cannot be reached yet: ") ||
		!strings.Contains(lines[1], "of 3 did not come yet") {
		t.Errorf("said %q", lines)
	}
}

func TestWhoDoesNotCome(t *testing.T) {
	c := newCast(t)
	c.world.join = 300 * time.Millisecond
	c.join(c.launch(0, 4), c.config())
	c.join(c.launch(2, 4), c.config())
	eventually(t, "line", func() bool { return len(c.said()) > 0 })
	if lines := c.said(); len(lines) != 1 || !strings.HasPrefix(lines[0], "host 0: hosts 1 and 3 of 4 did not come") {
		t.Errorf("said %q", lines)
	}
	eventually(t, "end", func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.exits >= 2 })

	// And with nobody at the meeting place:
	alone := newCast(t)
	alone.world.join = 100 * time.Millisecond
	r := <-alone.join(alone.launch(1, 2), alone.config())
	if r.err == nil || !strings.Contains(r.err.Error(), "reach host 0 at "+alone.address) ||
		!strings.Contains(r.err.Error(), "see that host 0 runs there") {
		t.Errorf("error %v", r.err)
	}
}

// A tap passes a connection on and keeps what the guest says.
func tap(t *testing.T, to string) (address string, said func() []byte) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	var mu sync.Mutex
	var kept bytes.Buffer
	go func() {
		guest, err := l.Accept()
		if err != nil {
			return
		}
		var root net.Conn
		for until := time.Now().Add(10 * time.Second); time.Now().Before(until); time.Sleep(time.Millisecond) {
			if root, err = net.Dial("tcp", to); err == nil {
				break
			}
		}
		if err != nil {
			return
		}
		go func() { _, _ = io.Copy(guest, root) }()
		_, _ = io.Copy(io.MultiWriter(root, writerFunc(func(b []byte) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			return kept.Write(b)
		})), guest)
	}()
	return l.Addr().String(), func() []byte {
		mu.Lock()
		defer mu.Unlock()
		return bytes.Clone(kept.Bytes())
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// Whatever strangers send, before and after the job has begun, the job runs on, and one line is said.
func TestStrangers(t *testing.T) {
	c := newCast(t)
	c.world.handshake = 500 * time.Millisecond
	rootDone := c.join(c.launch(0, 3), c.config())
	l := c.launch(1, 3)
	address, said := tap(t, c.address)
	l.means = agreed{address: address, secret: c.secret}
	firstDone := c.join(l, c.config())
	eventually(t, "hello", func() bool { return bytes.Contains(said(), []byte("hello")) })

	var open []net.Conn
	strangers := func() {
		garbage := bytes.Repeat([]byte{0x5a, '\n', 0, 0xff}, 1<<14)
		own := newGreeting(guestMagic)
		for _, text := range [][]byte{nil, []byte("GET / HTTP/1.1\r\n\r\n"), garbage, []byte(questionMagic), []byte(guestMagic),
			own[:], append(own[:], make([]byte, 32)...), said()} {
			conn, err := net.Dial("tcp", c.address)
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, conn)
			_, _ = conn.Write(text)
		}
	}
	strangers()
	secondDone := c.join(c.launch(2, 3), c.config())
	var jobs []*Job
	for _, done := range []chan result{rootDone, firstDone, secondDone} {
		r := <-done
		if r.err != nil {
			t.Fatal(r.err)
		}
		jobs = append(jobs, r.job)
	}
	strangers()
	for i, conn := range open { // each is closed by the root, the silent ones in time
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		answer, err := io.ReadAll(conn)
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
			t.Errorf("connection %d is still open", i)
		}
		if bytes.Contains(answer, []byte("welcome")) || len(answer) > greetingSize+verdictSize {
			t.Errorf("connection %d was told %q", i, answer)
		}
		_ = conn.Close()
	}
	var group sync.WaitGroup
	for _, job := range jobs {
		group.Add(1)
		go func() {
			defer group.Done()
			if _, err := job.Exchange("127.0.0.1:1"); err != nil {
				t.Error(err)
			}
			job.Leaving()
		}()
	}
	group.Wait()
	if lines := c.said(); len(lines) != 1 || !strings.Contains(lines[0], "refused a connection from 127.0.0.1") {
		t.Errorf("said %q", lines)
	}
}

// Whoever fills the room for connections that have not proved themselves keeps no host out.
func TestHostComesThroughAFlood(t *testing.T) {
	for name, text := range map[string]string{"of silence": "", "of greetings": guestMagic} {
		t.Run(name, func(t *testing.T) {
			c := newCast(t)
			c.world.handshake = joinLimit // none of them goes by itself
			rootDone := c.join(c.launch(0, 2), c.config())
			for range 3 * maxStrange {
				var conn net.Conn
				eventually(t, "root", func() (there bool) {
					var err error
					conn, err = net.Dial("tcp", c.address)
					return err == nil
				})
				defer conn.Close()
				_, _ = conn.Write([]byte(text))
			}
			if r := <-c.join(c.launch(1, 2), c.config()); r.err != nil {
				t.Error(r.err)
			}
			if r := <-rootDone; r.err != nil {
				t.Error(r.err)
			}
		})
	}
}

// A refusing means has no host 0.
type refusing struct {
	agreed
	aborted *bool
}

func (refusing) find(*Launch) (*place, error) { return nil, io.ErrUnexpectedEOF }
func (r refusing) abort()                     { *r.aborted = true }

// A launcher that is told of a failure may kill at once, so it is told when the line is printed, which is not Join's part.
func TestAbortComesAfterTheLine(t *testing.T) {
	c := newCast(t)
	aborted := false
	l := c.launch(1, 2)
	l.means = refusing{aborted: &aborted}
	if _, err := Join(l, c.config()); err == nil || aborted {
		t.Errorf("error %v; aborted before it was printed: %v", err, aborted)
	}
	if l.Abort(); !aborted {
		t.Error("Abort did nothing")
	}
}
