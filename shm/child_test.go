package shm

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/core/node"
	"jiajia/core/node/nodetest"
	"jiajia/core/wire"
)

// Host 1 of a job of two, as a process of its own. What it is to do stands in its environment: "ROLE SPIN-us CPU". It prints its
// card, and reads that of host 0.
const (
	childEnv = "JIA_SHM_TEST_CHILD"

	echoes = "echoes" // answers requests, and sends back what comes over the link
	floods = "floods" // sends data, requests and posts for ever
	crowds = "crowds" // no host: sends itself more descriptors than its user may

	childPages = 16384
)

// A servant is a handler without state.
type servant struct {
	ready chan struct{} // closed when t is set
	t     *Transport
	m     wire.Message
	page  []byte
	data  atomic.Int64 // messages
	lost  chan error

	lostAlready atomic.Bool // set by the test
}

func newServant() *servant {
	return &servant{ready: make(chan struct{}), page: nodetest.Content(1, 1), lost: make(chan error, 1)}
}

func (s *servant) Serve(m *wire.Message, body []byte) {
	<-s.ready
	s.m = wire.Message{Type: wire.CVDone, From: s.t.o.Self, Port: m.Reply, Obj: m.Obj}
	var err error
	switch m.Type {
	case wire.GetPage:
		s.m.Type, s.m.Version = wire.Page, 1
		err = s.t.Reply(m.From, &s.m, s.page)
	case wire.CVSet:
		err = s.t.Reply(m.From, &s.m)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func (s *servant) Data(*wire.Message, []byte)    { s.data.Add(1) }
func (s *servant) Full() bool                    { return false }
func (s *servant) Stalled(wire.HostID)           {}
func (s *servant) Lost(_ wire.HostID, err error) { s.lost <- err }

// region makes memory of so many pages that all have frames.
func region(pages int) (Memory, []byte, error) {
	fd, err := unix.MemfdCreate("jia-test", unix.MFD_CLOEXEC)
	if err != nil {
		return Memory{}, nil, err
	}
	size := pages * nodetest.PageSize
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		return Memory{}, nil, err
	}
	b, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	return Memory{fd, uint64(size)}, b, err
}

// runChild is the life of host 1.
func runChild(what string) {
	runtime.GOMAXPROCS(max(16, runtime.GOMAXPROCS(0)))
	if err := child(what); err != nil {
		fmt.Fprintln(os.Stderr, "host 1:", err)
		os.Exit(1)
	}
}

func child(what string) error {
	f := strings.Fields(what)
	if f[0] == crowds {
		return crowd()
	}
	spin, err := strconv.Atoi(f[1])
	if err != nil {
		return err
	}
	if cpu, err := strconv.Atoi(f[2]); err == nil && cpu >= 0 {
		pin(cpu)
	}
	s := newServant()
	o := options(1, 2, s)
	o.Spin = time.Duration(spin) * time.Microsecond
	var mem []byte
	if o.Memory, mem, err = region(childPages); err != nil {
		return err
	}
	for p := range 200 {
		copy(mem[p*nodetest.PageSize:], nodetest.Content(1, uint64(p)))
	}
	if s.t, err = Listen(o); err != nil {
		return err
	}
	close(s.ready)
	card, why := s.t.Card()
	fmt.Println(card + why)
	other, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil {
		return err
	}
	if err := errors.Join(s.t.Try([]string{strings.TrimSpace(other), card})...); err != nil {
		return err
	}
	if err := s.t.Start([]bool{true, false}); err != nil {
		return err
	}
	if f[0] == floods {
		err = flood(s.t)
	} else {
		err = echo(s.t)
	}
	io.Copy(io.Discard, os.Stdin) // until host 0 is gone
	return err
}

func echo(t *Transport) error {
	l, err := t.OpenLink(0)
	for err == nil {
		var m wire.Message
		if err = l.Recv(&m); err == nil {
			m.From = 1
			err = l.Send(&m)
		}
	}
	if errors.Is(err, errHungUp) {
		return nil
	}
	return err
}

func flood(t *Transport) error {
	b, err := t.OpenMailbox(1)
	if err != nil {
		return err
	}
	l, err := t.OpenLink(0)
	if err != nil {
		return err
	}
	body := make([]byte, wire.MaxData)
	ranges := make([]wire.Range, 100_000)
	for i := range ranges {
		ranges[i] = wire.Range{Page: wire.PageID(2 * i), Count: 1, Writer: 1}
	}
	for _, f := range []func() error{
		func() error {
			return t.SendData(0, &wire.Message{Type: wire.Data, From: 1, Version: wire.MaxData, Length: wire.MaxData}, body)
		},
		func() error {
			return b.Send(0, &wire.Message{Type: wire.Diff, From: 1, Reply: 1, Length: wire.MaxData}, body)
		},
		func() error { return l.Send(&wire.Message{Type: wire.BarArrive, From: 1, Ranges: ranges}) },
	} {
		go func() {
			for f() == nil {
			}
		}()
	}
	return nil
}

// anywhere is where this process may run, and nobody has pinned it.
var anywhere = func() (set unix.CPUSet) {
	unix.SchedGetaffinity(0, &set)
	return set
}()

// pin has all threads of this process run on one processor, or anywhere for -1.
func pin(cpu int) {
	set := anywhere
	if cpu >= 0 {
		set.Zero()
		set.Set(cpu)
	}
	for range 2 { // once more for those that came in between
		tasks, _ := os.ReadDir("/proc/self/task")
		for _, task := range tasks {
			if tid, err := strconv.Atoi(task.Name()); err == nil {
				unix.SchedSetaffinity(tid, &set)
			}
		}
	}
}

// A duo is a job of this process, host 0, and another, host 1.
type duo struct {
	*servant
	tb    testing.TB
	child *exec.Cmd
	stdin io.WriteCloser
	mem   []byte // of host 0
}

// newDuo starts it; it ends with the test.
func newDuo(tb testing.TB, role string, spin time.Duration, cpu int, change func(*exec.Cmd)) *duo {
	tb.Helper()
	d := &duo{servant: newServant(), tb: tb}
	o := options(0, 2, d.servant)
	o.Spin = spin
	var err error
	if o.Memory, d.mem, err = region(childPages); err != nil {
		tb.Fatal(err)
	}
	if d.t, err = Listen(o); err != nil {
		tb.Fatal(err)
	}
	close(d.ready)
	d.child = exec.Command(os.Args[0])
	d.child.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %d", childEnv, role, spin.Microseconds(), cpu))
	d.child.Stderr = os.Stderr
	if change != nil {
		change(d.child)
	}
	out, err := d.child.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if d.stdin, err = d.child.StdinPipe(); err != nil {
		tb.Fatal(err)
	}
	if err := d.child.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		d.t.Close()
		d.stdin.Close()
		d.child.Wait() // it may have been killed
		if err := errors.Join(unix.Munmap(d.mem), unix.Close(o.Memory.Fd)); err != nil {
			tb.Error(err)
		}
	})
	there, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		tb.Fatal(err)
	}
	here, _ := d.t.Card()
	fmt.Fprintln(d.stdin, here)
	if refused := d.t.Try([]string{here, strings.TrimSpace(there)}); refused[1] != nil {
		tb.Fatal(refused[1])
	}
	if err := d.t.Start([]bool{false, true}); err != nil {
		tb.Fatal(err)
	}
	return d
}

// kill ends the other process at once.
func (d *duo) kill() {
	d.tb.Helper()
	if err := d.child.Process.Signal(syscall.SIGKILL); err != nil {
		d.tb.Fatal(err)
	}
}

// open returns a mailbox and the link.
func (d *duo) open() (node.Mailbox, node.Link) {
	d.tb.Helper()
	b, err := d.t.OpenMailbox(1)
	if err != nil {
		d.tb.Fatal(err)
	}
	l, err := d.t.OpenLink(1)
	if err != nil {
		d.tb.Fatal(err)
	}
	return b, l
}
