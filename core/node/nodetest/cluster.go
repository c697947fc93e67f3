// Package nodetest is the conformance suite of node.Transport: every transport must pass it.
package nodetest

import (
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jiajia/core/node"
	"jiajia/core/wire"
)

// PageSize is the page size, in bytes, that the suite's transports are made with.
const PageSize = 4096

// patience is how long anything may take before the test is given up. On a machine that is emulated, JIA_TEST_SLOWNESS says how many
// times slower it is.
var patience = func() time.Duration {
	return 20 * time.Second * time.Duration(setting("JIA_TEST_SLOWNESS"))
}()

// part returns how much of n a test does that repeats something often or moves many megabytes: n, or the JIA_TEST_PART-th part of it
// where that is set. It is for devices that are emulated: every test still runs, and checks all that it does.
func part(n int) int { return max(1, n/setting("JIA_TEST_PART")) }

// setting returns the number that a variable of the environment holds, 1 without it.
func setting(name string) int {
	n, _ := strconv.Atoi(os.Getenv(name))
	return max(1, n)
}

// Make returns one started transport for each handler, joined into one job; the suite closes them.
type Make func(t testing.TB, handlers []node.Handler) []node.Transport

// A Cluster is a job in one process.
type Cluster struct {
	t     testing.TB
	Hosts []*Host
}

// A Host is a transport and the handler it calls.
type Host struct {
	node.Transport
	ID    wire.HostID
	t     testing.TB
	serve func(h *Host, m *wire.Message, body []byte) // nil: Answer
	ready chan struct{}                               // closed when Transport is set
	Gone  chan Loss                                   // calls of Lost

	boxes   atomic.Uint32
	take    atomic.Pointer[func(m *wire.Message, body []byte)] // for Data; nil: drop it
	tooMuch atomic.Bool                                        // what Full says
	stalls  atomic.Int32                                       // calls of Stalled
}

// A Loss is a call of Handler.Lost.
type Loss struct {
	Host wire.HostID
	Err  error
}

// Start makes a cluster of n hosts whose servers call serve, or Answer when it is nil.
func Start(t testing.TB, mk Make, n int, serve func(h *Host, m *wire.Message, body []byte)) *Cluster {
	t.Helper()
	c := &Cluster{t: t}
	var handlers []node.Handler
	for i := range n {
		h := &Host{ID: wire.HostID(i), t: t, serve: serve, ready: make(chan struct{}), Gone: make(chan Loss, 2*n)}
		c.Hosts = append(c.Hosts, h)
		handlers = append(handlers, h)
	}
	for i, tr := range mk(t, handlers) {
		c.Hosts[i].Transport = tr
		close(c.Hosts[i].ready)
		t.Cleanup(func() {
			if err := tr.Close(); err != nil {
				t.Errorf("close host %d: %v", i, err)
			}
		})
	}
	return c
}

// Serve implements node.Handler.
func (h *Host) Serve(m *wire.Message, body []byte) {
	<-h.ready // a peer may be faster than the construction of this host
	if h.serve != nil {
		h.serve(h, m, body)
		return
	}
	h.Answer(m, body)
}

// onData sets what Data calls, before any is sent.
func (h *Host) onData(f func(m *wire.Message, body []byte)) { h.take.Store(&f) }

// Data implements node.Handler.
func (h *Host) Data(m *wire.Message, body []byte) {
	if f := h.take.Load(); f != nil {
		(*f)(m, body)
	}
}

// Full implements node.Handler.
func (h *Host) Full() bool { return h.tooMuch.Load() }

// Stalled implements node.Handler.
func (h *Host) Stalled(wire.HostID) { h.stalls.Add(1) }

// Lost implements node.Handler.
func (h *Host) Lost(host wire.HostID, err error) { h.Gone <- Loss{host, err} }

// Answer is a server without state: even pages are never written, odd ones hold Content; a diff's sum comes back in its
// acknowledgement; locks and variables are free, but refused to who tries; a LockFwd is granted to the host that it names. For
// words and reader/writer locks see answerLocks.
func (h *Host) Answer(m *wire.Message, body []byte) {
	r := wire.Message{From: h.ID, Port: m.Reply, Obj: m.Obj}
	to := m.From
	switch m.Type {
	case wire.GetPage:
		r.Type = wire.Page
		var pages [][]byte
		for i := range int(m.Version) {
			if p := m.Obj + uint64(i)*m.Epoch; p%2 == 1 {
				pages = append(pages, Content(h.ID, p))
				r.Carry(i)
			}
		}
		h.must(h.Reply(to, &r, pages...))
		return
	case wire.Diff:
		r.Type = wire.DiffAck
		r.Version = sum(body)
		body = nil
	case wire.Atomic, wire.RWAsk, wire.RWDone:
		answerLocks(m, &r)
	case wire.LockReq:
		if m.Epoch == 1 {
			r.Type = wire.LockBusy
			break
		}
		r.Type = wire.LockGrant
		r.Version = m.Version + 1
		r.Notices = []wire.Notice{{Page: wire.PageID(m.Obj), Count: 1, Version: r.Version}}
	case wire.LockFwd:
		r.Type = wire.LockGrant
		r.Version = m.Version
		to = m.Host
	case wire.CVSet, wire.CVReset, wire.CVWait:
		r.Type = wire.CVDone
	default:
		return
	}
	h.must(h.Reply(to, &r, body))
}

// must reports an error of the host's own calls; it may be called from any goroutine.
func (h *Host) must(err error) {
	if err != nil && !errors.Is(err, net.ErrClosed) {
		h.t.Errorf("host %d: %v", h.ID, err)
	}
}

// mailbox opens a mailbox.
func (h *Host) mailbox() node.Mailbox {
	h.t.Helper()
	b, err := h.OpenMailbox(h.NextBox())
	if err != nil {
		h.t.Fatalf("host %d: %v", h.ID, err)
	}
	return b
}

// NextBox returns an id for another mailbox.
func (h *Host) NextBox() uint32 { return h.boxes.Add(1) }

// get fetches a page of a host with Answer and checks it.
func (h *Host) get(b node.Mailbox, home wire.HostID, page uint64, frame []byte) error {
	req := wire.Message{Type: wire.GetPage, From: h.ID, Reply: b.ID(), Obj: page, Version: 1, Epoch: 1}
	if err := b.Send(home, &req); err != nil {
		return err
	}
	return h.gotPage(b, home, page, frame)
}

func (h *Host) gotPage(b node.Mailbox, home wire.HostID, page uint64, frame []byte) error {
	var m wire.Message
	for i := range frame {
		frame[i] = 0
	}
	if err := b.Recv(home, &m, [][]byte{frame}); err != nil {
		return err
	}
	if m.Type != wire.Page || m.Obj != page || m.From != home {
		return fmt.Errorf("asked host %d for page %d, got %+v", home, page, m)
	}
	want := make([]byte, PageSize)
	if page%2 == 1 {
		if m.Length != PageSize {
			return fmt.Errorf("page %d of %d bytes", page, m.Length)
		}
		want = Content(home, page)
	} else if m.Length != 0 {
		return fmt.Errorf("zero page %d of %d bytes", page, m.Length)
	}
	if string(want) != string(frame) {
		return fmt.Errorf("page %d of host %d has other content than was sent", page, home)
	}
	return nil
}

// Content is what Answer holds a page to contain.
func Content(home wire.HostID, page uint64) []byte {
	b := make([]byte, PageSize)
	fill(b, uint64(home)<<32^page)
	return b
}

// fill writes bytes that depend on seed.
func fill(b []byte, seed uint64) {
	var s [32]byte
	s[0], s[1], s[2], s[3] = byte(seed), byte(seed>>8), byte(seed>>32), byte(seed>>40)
	rand.NewChaCha8(s).Read(b)
}

// sum is a checksum.
func sum(b []byte) uint64 { return uint64(crc32.ChecksumIEEE(b)) }

// together runs f(0) to f(n-1) at once and waits for all.
func together(t testing.TB, n int, f func(i int) error) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range n {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if err := f(i); err != nil {
				t.Errorf("part %d: %v", i, err)
			}
		}()
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	within(t, done, "all parts to finish")
}

// within waits for a channel to have something, and gives the test up when it takes too long.
func within[T any](t testing.TB, c <-chan T, what string) (v T) {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case v = <-c:
	case <-timer.C:
		panic("waited too long for " + what) // with the stacks of all goroutines
	}
	return v
}
