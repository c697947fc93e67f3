package route

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jiajia/core/node"
	"jiajia/core/node/nodetest"
	"jiajia/core/wire"
	"jiajia/epoll"
)

// once makes of one handler those of several transports: it is called for one message at a time, as the suite's expects.
type once struct {
	node.Handler
	serve, data *sync.Mutex
}

func (o once) Serve(m *wire.Message, body []byte) {
	o.serve.Lock()
	defer o.serve.Unlock()
	o.Handler.Serve(m, body)
}

func (o once) Data(m *wire.Message, body []byte) {
	o.data.Lock()
	defer o.data.Unlock()
	o.Handler.Data(m, body)
}

// maker makes hosts with so many TCP transports, of which each serves a part of the pairs.
func maker(ways int, spin time.Duration) nodetest.Make {
	return func(t testing.TB, handlers []node.Handler) []node.Transport {
		t.Helper()
		n := len(handlers)
		way := func(a, b int) int { return (a + b) % ways }
		under := make([][]*epoll.Transport, n) // by host and way, nil without peers
		for i := range handlers {
			under[i] = make([]*epoll.Transport, ways)
			h := once{handlers[i], new(sync.Mutex), new(sync.Mutex)}
			for j := range handlers {
				if w := way(i, j); i != j && under[i][w] == nil {
					tr, err := epoll.Listen("tcp", "127.0.0.1:0", epoll.Options{Self: wire.HostID(i), Secret: []byte("a secret of the tests alone"),
						Handler: h, Spin: spin, PageSize: nodetest.PageSize})
					if err != nil {
						t.Fatal(err)
					}
					under[i][w] = tr
				}
			}
		}
		list := make([]node.Transport, n)
		errs := make([]error, n*ways)
		var all sync.WaitGroup
		for i := range handlers {
			var parts []Part
			for w, tr := range under[i] {
				if tr == nil {
					continue
				}
				addrs, hosts := make([]string, n), make([]bool, n)
				for j := range handlers {
					if hosts[j] = i != j && way(i, j) == w; hosts[j] {
						addrs[j] = under[j][w].Addr()
					}
				}
				parts = append(parts, Part{tr, hosts})
				all.Add(1)
				go func() {
					defer all.Done()
					errs[i*ways+w] = tr.Start(addrs)
				}()
			}
			joined, err := Join(wire.HostID(i), parts, spin)
			if err != nil {
				t.Fatal(err)
			}
			list[i] = joined
		}
		all.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		return list
	}
}

func TestConformance(t *testing.T) {
	for _, ways := range []int{1, 2, 3} {
		t.Run(fmt.Sprintf("%d transports", ways), func(t *testing.T) { nodetest.Run(t, maker(ways, 0)) })
	}
	t.Run("spinning", func(t *testing.T) { nodetest.Run(t, maker(2, 30*time.Microsecond)) })
}

// TestWaitsAsleep has threads wait for messages of any host and for data: without a processor, and until one comes over any part.
func TestWaitsAsleep(t *testing.T) {
	const n = 4
	c := nodetest.Start(t, maker(3, 0), n, nil)
	h := c.Hosts[0]
	for from := wire.HostID(1); from < n; from++ {
		b, err := h.OpenMailbox(uint32(from))
		if err != nil {
			t.Fatal(err)
		}
		came := make(chan error, 2)
		go func() {
			var m wire.Message
			err := b.Recv(wire.Any, &m, nil)
			if err == nil && m.From != from {
				err = fmt.Errorf("a message of host %d", m.From)
			}
			came <- err
		}()
		begin := used(t)
		time.Sleep(300 * time.Millisecond)
		select {
		case err := <-came:
			t.Fatalf("host %d has sent nothing, but the thread went on: %v", from, err)
		default:
		}
		if spent := used(t) - begin; spent > 100*time.Millisecond {
			t.Errorf("waiting took %v of a processor in 300 ms", spent)
		}
		if err := c.Hosts[from].Reply(0, &wire.Message{Type: wire.LockGrant, From: from, Port: b.ID()}); err != nil {
			t.Fatal(err)
		}
		if err := <-came; err != nil {
			t.Errorf("over the transport of host %d: %v", from, err)
		}
	}
}

// used is the processor time that this process has used.
func used(t *testing.T) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		t.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// TestNothingStaysOpen closes what was joined.
func TestNothingStaysOpen(t *testing.T) {
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	before := count()
	t.Run("job", func(t *testing.T) {
		c := nodetest.Start(t, maker(2, 0), 3, nil)
		for _, h := range c.Hosts {
			if _, err := h.OpenMailbox(1); err != nil {
				t.Error(err)
			}
		}
	})
	if after := count(); after != before {
		t.Errorf("%d descriptors, before the job there were %d", after, before)
	}
}

// A reached transport is one that peers read from by themselves.
type reached struct {
	node.Transport
	marks     []wire.PageID
	published *[]node.Span
	kept      []node.Span
}

func (r *reached) Feed() node.Feed          { return nil }
func (r *reached) Close() error             { return net.ErrClosed }
func (r *reached) Reaches(wire.HostID) bool { return r.marks != nil }

func (r *reached) Publish(s []node.Span) error {
	*r.published = append(*r.published, s...)
	return nil
}

func (r *reached) Kept(dst []node.Span) []node.Span {
	dst, r.kept = append(dst, r.kept...), nil
	return dst
}

func (r *reached) Marked(dst []wire.PageID) []wire.PageID {
	dst, r.marks = append(dst, r.marks...), r.marks[:0]
	return dst
}

func TestMemoryOfAllParts(t *testing.T) {
	var published []node.Span
	a := &reached{marks: []wire.PageID{5, 2}, published: &published}
	b := &reached{marks: []wire.PageID{2, 7}, published: &published}
	c := &reached{published: &published}
	tr, err := Join(0, []Part{{a, []bool{false, true, false, false}}, {b, []bool{false, false, true, false}}, {c, []bool{false, false, false, true}}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[wire.HostID]bool{-1: false, 0: false, 1: true, 2: true, 3: false, 4: false} {
		if got := tr.Reaches(host); got != want {
			t.Errorf("host %d is reached: %v", host, got)
		}
	}
	if diff := cmp.Diff([]wire.PageID{1, 2, 5, 7}, tr.Marked([]wire.PageID{1})); diff != "" {
		t.Error(diff)
	}
	a.marks = []wire.PageID{9}
	if diff := cmp.Diff([]wire.PageID{9}, tr.Marked(nil)); diff != "" {
		t.Error(diff)
	}
	span := []node.Span{{Page: 3, Count: 2}}
	if err := tr.Publish(span); err != nil || len(published) != 3 {
		t.Errorf("published %v, %v", published, err)
	}
	c.kept = span
	if diff := cmp.Diff(span, tr.Kept(nil)); diff != "" || tr.Kept(nil) != nil {
		t.Error("kept", diff)
	}
	if err := tr.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("what a part says of its end is lost: %v", err)
	}
	if _, err := Join(0, []Part{{a, []bool{false, true}}, {b, []bool{false, true}}}, 0); err == nil {
		t.Error("a host that two transports serve")
	}
}
