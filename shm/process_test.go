package shm

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/core/diff"
	"jiajia/core/node"
	"jiajia/core/node/nodetest"
	"jiajia/core/wire"
)

const limit = 20 * time.Second

func within[T any](t testing.TB, c <-chan T, what string) (v T) {
	t.Helper()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case v = <-c:
	case <-timer.C:
		t.Fatalf("waited too long for %s", what)
	}
	return v
}

// works has two processes do everything with each other.
func (d *duo) works(box node.Mailbox, link node.Link) {
	t := d.tb
	t.Helper()
	if err := ask(box); err != nil {
		t.Error(err)
	}
	if err := pingLink(link); err != nil {
		t.Error(err)
	}
	frame := d.mem[:nodetest.PageSize]
	if err := askPage(box, frame); err != nil || !bytes.Equal(frame, nodetest.Content(1, 1)) {
		t.Errorf("page by a message: %v", err)
	}
	var pages []wire.PageID
	var frames [][]byte
	for p := range wire.PageID(100) {
		pages = append(pages, p)
		frames = append(frames, d.mem[p*nodetest.PageSize:][:nodetest.PageSize])
	}
	if ok, err := box.Read(1, pages, frames); !ok || err != nil {
		t.Fatalf("read: %v, %v", ok, err)
	}
	for p, frame := range frames {
		if !bytes.Equal(frame, nodetest.Content(1, uint64(p))) {
			t.Errorf("page %d has other content than there", p)
		}
	}
	twin, page := nodetest.Content(1, 7), nodetest.Content(1, 7)
	page[9]++
	stream, _ := diff.AppendRecord(nil, 7, page, twin)
	if ok, err := box.Write(1, stream); !ok || err != nil {
		t.Errorf("write: %v, %v", ok, err)
	}
	if ok, err := box.Read(1, pages[7:8], frames[7:8]); !ok || err != nil || !bytes.Equal(frames[7], page) {
		t.Errorf("read what was written: %v, %v", ok, err)
	}
}

func TestTwoProcesses(t *testing.T) {
	d := newDuo(t, echoes, 0, -1, nil)
	d.works(d.open())
}

// TestOrdinaryUser has both hosts be processes of a user without privileges.
func TestOrdinaryUser(t *testing.T) {
	const asUser = "JIA_SHM_TEST_AS_USER"
	if os.Getenv(asUser) != "" || os.Geteuid() != 0 {
		d := newDuo(t, echoes, 0, -1, nil)
		d.works(d.open())
		return
	}
	exe := copyForAll(t)
	c := exec.Command(exe, "-test.run=^TestOrdinaryUser$")
	c.Dir = "/"
	c.Env = append(os.Environ(), asUser+"=1")
	c.SysProcAttr = nobody()
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("as an ordinary user: %v\n%s", err, out)
	}
}

func nobody() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
}

// copyForAll returns a copy of this program that all users may run.
func copyForAll(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "jia-shm")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	b, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = errors.Join(os.Chmod(dir, 0o755), os.WriteFile(dir+"/test", b, 0o755))
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir + "/test"
}

// TestKilledWhileSending kills a process in the middle of everything that it can send: its peer is told once and soon, and
// nobody goes on waiting for it.
func TestKilledWhileSending(t *testing.T) {
	for round := range 5 {
		d := newDuo(t, floods, 0, -1, nil)
		box, link := d.open()
		waits := make(chan error, 3)
		go func() { waits <- box.Recv(wire.Any, new(wire.Message), nil) }()
		go func() {
			for {
				if err := link.Recv(new(wire.Message)); err != nil {
					waits <- err
					return
				}
			}
		}()
		go func() { waits <- d.t.Attend(func() bool { return d.lostAlready.Load() }) }()
		for d.data.Load() < int64(5+round) {
			time.Sleep(time.Millisecond)
		}
		d.kill()
		err := within(t, d.lost, "Lost")
		if !errors.Is(err, errHungUp) || !strings.Contains(err.Error(), "host 1 (shared memory)") {
			t.Errorf("lost: %v", err)
		}
		d.lostAlready.Store(true)
		d.t.Recall()
		for range cap(waits) {
			if err := within(t, waits, "a waiting thread"); err != nil && !errors.Is(err, errHungUp) {
				t.Errorf("a waiting thread was told %v", err)
			}
		}
		for _, err := range []error{
			ask(box), pingLink(link), d.t.Post(1, &wire.Message{Type: wire.LockFwd}), d.t.SendData(1, &wire.Message{Type: wire.Data}),
		} {
			if !errors.Is(err, errHungUp) {
				t.Errorf("after the loss: %v", err)
			}
		}
		if ok, err := box.Read(1, []wire.PageID{1}, [][]byte{d.mem[:nodetest.PageSize]}); ok || !errors.Is(err, errHungUp) {
			t.Errorf("read after the loss: %v, %v", ok, err)
		}
		d.t.Close()
		if err := ask(box); !errors.Is(err, net.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	}
}

// TestKilledWhileWaitedFor kills a stopped process for whose room this one waits.
func TestKilledWhileWaitedFor(t *testing.T) {
	d := newDuo(t, echoes, 0, -1, nil)
	box, link := d.open()
	if err := d.child.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, wire.MaxData)
	waits := make(chan error, 3)
	for _, f := range []func() error{
		func() error {
			return d.t.SendData(1, &wire.Message{Type: wire.Data, Version: wire.MaxData, Length: wire.MaxData}, body)
		},
		func() error { return box.Send(1, &wire.Message{Type: wire.Diff, Reply: 1, Length: wire.MaxData}, body) },
		func() error {
			return link.Send(&wire.Message{Type: wire.BarArrive, Ranges: make([]wire.Range, 10_000)})
		},
	} {
		go func() {
			for {
				if err := f(); err != nil {
					waits <- err
					return
				}
			}
		}()
	}
	time.Sleep(20 * time.Millisecond) // for most of them to have come to wait
	d.kill()
	for range cap(waits) {
		if err := within(t, waits, "a thread that waits for room"); !errors.Is(err, errHungUp) {
			t.Errorf("a thread that waits for room was told %v", err)
		}
	}
	within(t, d.lost, "Lost")
}

// TestIdleUsesNoProcessor has a job in which everybody waits.
func TestIdleUsesNoProcessor(t *testing.T) {
	d := newDuo(t, echoes, 30*time.Microsecond, -1, nil)
	box, _ := d.open()
	ended := make(chan error, 2)
	go func() { ended <- box.Recv(1, new(wire.Message), nil) }()
	go func() { ended <- d.t.Attend(func() bool { return false }) }()
	time.Sleep(50 * time.Millisecond) // for them to have fallen asleep
	before := used(t)
	time.Sleep(500 * time.Millisecond)
	if d := used(t) - before; d > 100*time.Millisecond {
		t.Errorf("an idle host used %v of half a second", d)
	}
	d.t.Close()
	for range cap(ended) {
		within(t, ended, "a waiting thread")
	}
}

// used is the processor time of this process.
func used(t *testing.T) time.Duration {
	t.Helper()
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		t.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// TestNothingLeaks connects and disconnects two hosts many times; TestMain would find one thing left over, this finds what piles
// up only for a while.
func TestNothingLeaks(t *testing.T) {
	times := 1000
	if testing.Short() {
		times = 50
	}
	mem, b, err := region(4)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(b)
	defer unix.Close(mem.Fd)
	fds, maps, tasks := 0, 0, 0
	for i := range times {
		handlers := []node.Handler{newServant(), newServant()}
		ts := start(t, handlers, func(o *Options) { o.Memory = mem })
		for j, h := range handlers {
			h.(*servant).t = ts[j]
			close(h.(*servant).ready)
		}
		box, err := ts[0].OpenMailbox(1)
		if err != nil {
			t.Fatal(err)
		}
		if err := ask(box); err != nil {
			t.Fatal(err)
		}
		if ok, err := box.Read(1, []wire.PageID{1}, [][]byte{make([]byte, nodetest.PageSize)}); !ok || err != nil {
			t.Fatal(ok, err)
		}
		for _, tr := range ts {
			tr.Close()
		}
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			t.Fatal(err)
		}
		if i == times/10 {
			fds, maps, tasks = len(openFiles()), mappings(), len(threads)
		}
		if i == times-1 && (len(openFiles()) > fds || mappings() > maps || len(threads) > tasks+20) {
			t.Errorf("%d descriptors, %d mappings, %d threads; earlier %d, %d, %d", len(openFiles()), mappings(), len(threads), fds, maps, tasks)
		}
	}
}
