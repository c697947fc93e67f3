package nodetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"jiajia/core/node"
	"jiajia/core/wire"
)

// Run checks a transport.
func Run(t *testing.T, mk Make) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Make)
	}{
		{"every host asks every other", askAll},
		{"zero page before a full one", zeroThenFull},
		{"windows of pages", windows},
		{"homes instead of pages", homesInstead},
		{"many answers read late", answersLate},
		{"answers deferred and out of order", deferred},
		{"a third host grants the lock", thirdHostGrants},
		{"long lists of notices", longNotices},
		{"atomic operations, readers and tries", lockCalls},
		{"many mailboxes at once", manyMailboxes},
		{"large diffs both ways", floods},
		{"a mailbox keeps its order", mailboxOrder},
		{"posts both ways, from many threads", postStorm},
		{"posting while the receiver does not read", postToSlow},
		{"links opened in either order", linkOrders},
		{"long lists both ways over a link", linkExchange},
		{"misuse is refused", misuse},
		{"data keeps its order", dataOrder},
		{"data that nobody attends to", dataUnattended},
		{"a recalled thread", dataRecall},
		{"a full receiver makes senders wait", dataFull},
		{"misuse of data is refused", dataMisuse},
		{"data and the end of a host", dataEnds},
		{"close wakes all", closeWakes},
		{"a dead peer is noticed", deadPeer},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, mk) })
	}
}

func askAll(t *testing.T, mk Make) {
	for n := 2; n <= 5; n++ {
		c := Start(t, mk, n, nil)
		together(t, n, func(i int) error {
			h := c.Hosts[i]
			b := h.mailbox()
			frame := make([]byte, PageSize)
			for j := range 40 * n {
				if home := wire.HostID(j % n); home != h.ID {
					if err := h.get(b, home, uint64(j), frame); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
}

// zeroThenFull asks for several pages before it reads the first answer: bytes of the next answer arrive together with
// a page that has none.
func zeroThenFull(t *testing.T, mk Make) {
	h := Start(t, mk, 2, nil).Hosts[0]
	b := h.mailbox()
	frame := make([]byte, PageSize)
	for round := range 20 {
		pages := []uint64{0, 2, 1, 4, 3, 5, 7, 6, 8}
		rand.New(rand.NewPCG(1, uint64(round))).Shuffle(len(pages), func(i, j int) { pages[i], pages[j] = pages[j], pages[i] })
		for _, p := range pages {
			h.must(b.Send(1, &wire.Message{Type: wire.GetPage, From: 0, Reply: b.ID(), Obj: p, Version: 1, Epoch: 1}))
		}
		for _, p := range pages {
			if err := h.gotPage(b, 1, p, frame); err != nil {
				t.Fatalf("pages %v: %v", pages, err)
			}
		}
	}
}

// windows asks for many pages with one request: runs, every second page, pages that were never written; with other answers
// before and after in the same mailbox.
func windows(t *testing.T, mk Make) {
	h := Start(t, mk, 2, nil).Hosts[0]
	b := h.mailbox()
	rng := rand.New(rand.NewPCG(6, 6))
	memory := make([]byte, wire.MaxWindow*PageSize)
	for range 60 {
		count := []int{1, 2, 3, 17, 64, 65, wire.MaxWindow}[rng.IntN(7)]
		first, stride := rng.Uint64N(1000), 1+rng.Uint64N(3)
		var frames [][]byte
		for i := range count {
			frames = append(frames, memory[i*PageSize:(i+1)*PageSize])
		}
		noise := rng.IntN(3)
		for i := range noise {
			h.must(b.Send(1, &wire.Message{Type: wire.CVSet, From: 0, Reply: b.ID(), Obj: uint64(i)}))
		}
		h.must(b.Send(1, &wire.Message{Type: wire.GetPage, From: 0, Reply: b.ID(), Obj: first, Version: uint64(count), Epoch: stride}))
		h.must(b.Send(1, &wire.Message{Type: wire.CVSet, From: 0, Reply: b.ID(), Obj: 7}))
		var m wire.Message
		for i := range noise {
			if err := b.Recv(1, &m, frames); err != nil || m.Type != wire.CVDone || m.Obj != uint64(i) {
				t.Fatalf("before the window: %+v, %v", m, err)
			}
		}
		if err := b.Recv(wire.Any, &m, frames); err != nil || m.Type != wire.Page || m.Obj != first {
			t.Fatalf("window of %d from %d: %+v, %v", count, first, m, err)
		}
		for i, frame := range frames {
			page := first + uint64(i)*stride
			if m.Carries(i) != (page%2 == 1) {
				t.Fatalf("page %d of %d+%d*%d is carried: %v", page, first, count, stride, m.Carries(i))
			}
			if m.Carries(i) && string(frame) != string(Content(1, page)) {
				t.Fatalf("page %d of %d+%d*%d has other content than was sent", page, first, count, stride)
			}
		}
		if err := b.Recv(1, &m, nil); err != nil || m.Type != wire.CVDone || m.Obj != 7 {
			t.Fatalf("after the window: %+v, %v", m, err)
		}
	}
}

// answersLate has small and large answers of two hosts pile up before they are read, by host.
func answersLate(t *testing.T, mk Make) {
	h := Start(t, mk, 3, nil).Hosts[1]
	b := h.mailbox()
	const each = 200
	for i := range uint64(each) {
		for _, to := range []wire.HostID{0, 2} {
			body := []byte{byte(i), byte(to)}
			h.must(b.Send(to, &wire.Message{Type: wire.Diff, From: 1, Reply: b.ID(), Obj: i, Length: 2}, body))
		}
	}
	var m wire.Message
	for _, from := range []wire.HostID{2, 0} {
		for i := range uint64(each) {
			if err := b.Recv(from, &m, nil); err != nil {
				t.Fatal(err)
			}
			if m.Type != wire.DiffAck || m.Obj != i || m.From != from || m.Version != sum([]byte{byte(i), byte(from)}) {
				t.Fatalf("acknowledgement %d of host %d: %+v", i, from, m)
			}
		}
	}
}

// deferred has a server answer condition variables only when the last host has asked, the last one first.
func deferred(t *testing.T, mk Make) {
	const n = 5
	var waiting []wire.Message // of host 0's serving thread
	c := Start(t, mk, n, func(h *Host, m *wire.Message, body []byte) {
		waiting = append(waiting, *m)
		if len(waiting) < n-1 {
			return
		}
		for i := len(waiting) - 1; i >= 0; i-- {
			w := waiting[i]
			h.must(h.Reply(w.From, &wire.Message{Type: wire.CVDone, From: h.ID, Port: w.Reply, Obj: w.Obj}, nil))
		}
		waiting = waiting[:0]
	})
	together(t, n-1, func(i int) error {
		h := c.Hosts[i+1]
		b := h.mailbox()
		for round := range uint64(50) {
			var m wire.Message
			h.must(b.Send(0, &wire.Message{Type: wire.CVWait, From: h.ID, Reply: b.ID(), Obj: round}))
			if err := b.Recv(0, &m, nil); err != nil || m.Type != wire.CVDone || m.Obj != round {
				return fmt.Errorf("round %d: %+v, %w", round, m, err)
			}
		}
		return nil
	})
}

// thirdHostGrants passes lock requests on from the manager, host 0, to another host, which grants them straight into the
// requester's mailbox.
func thirdHostGrants(t *testing.T, mk Make) {
	const n = 4
	c := Start(t, mk, n, func(h *Host, m *wire.Message, body []byte) {
		if m.Type != wire.LockReq {
			h.Answer(m, body)
			return
		}
		granter := wire.HostID(m.Obj)
		fwd := *m
		fwd.Type, fwd.From, fwd.Host = wire.LockFwd, h.ID, m.From
		h.must(h.Post(granter, &fwd))
	})
	together(t, n-1, func(i int) error {
		h := c.Hosts[i+1]
		b := h.mailbox()
		for round := range uint64(60) {
			granter := 1 + (uint64(h.ID)+round)%(n-1)
			if wire.HostID(granter) == h.ID {
				continue
			}
			h.must(b.Send(0, &wire.Message{Type: wire.LockReq, From: h.ID, Reply: b.ID(), Obj: granter, Version: round}))
			var m wire.Message
			if err := b.Recv(wire.Any, &m, nil); err != nil {
				return err
			}
			if m.Type != wire.LockGrant || m.From != wire.HostID(granter) || m.Version != round {
				return fmt.Errorf("round %d, granter %d: %+v", round, granter, m)
			}
		}
		return nil
	})
}

func longNotices(t *testing.T, mk Make) {
	const most = 60000
	c := Start(t, mk, 3, func(h *Host, m *wire.Message, body []byte) {
		r := wire.Message{Type: wire.LockGrant, From: h.ID, Port: m.Reply, Obj: m.Obj, Version: 1 << 40}
		for i := range m.Version {
			r.Notices = append(r.Notices, wire.Notice{Page: wire.PageID(2 * i), Count: 1, Version: i, Epoch: i})
		}
		h.must(h.Reply(m.From, &r, nil))
	})
	h := c.Hosts[2]
	b := h.mailbox()
	var m wire.Message
	for _, n := range []uint64{0, 1, 100, most, 3, 127, 128, 129} {
		for _, from := range []wire.HostID{0, wire.Any} {
			h.must(b.Send(0, &wire.Message{Type: wire.LockReq, From: 2, Reply: b.ID(), Obj: n, Version: n}))
			if err := b.Recv(from, &m, nil); err != nil {
				t.Fatal(err)
			}
			if uint64(len(m.Notices)) != n || n > 0 && m.Notices[n-1] != (wire.Notice{Page: wire.PageID(2 * (n - 1)), Count: 1, Version: n - 1, Epoch: n - 1}) {
				t.Fatalf("%d notices of %d", len(m.Notices), n)
			}
		}
	}
}

func manyMailboxes(t *testing.T, mk Make) {
	const n, each = 3, 12
	c := Start(t, mk, n, nil)
	var ids [n]sync.Map
	together(t, n*each, func(i int) error {
		h := c.Hosts[i%n]
		b := h.mailbox()
		if _, twice := ids[h.ID].LoadOrStore(b.ID(), true); twice || b.ID() == 0 {
			return fmt.Errorf("mailbox id %d of host %d", b.ID(), h.ID)
		}
		frame := make([]byte, PageSize)
		for j := range 30 {
			if err := h.get(b, wire.HostID((i+1+j%(n-1))%n), uint64(i*1000+j), frame); err != nil {
				return err
			}
		}
		return nil
	})
}

// floods has all hosts send each other the longest diffs at once, in pieces, several before the first acknowledgement is
// read, while each of them answers the others.
func floods(t *testing.T, mk Make) {
	const n, ahead = 3, 3
	rounds := 4
	if testing.Short() { // as under the race detector, which looks at each byte that is copied
		rounds = 1
	}
	c := Start(t, mk, n, nil)
	together(t, n, func(i int) error {
		h := c.Hosts[i]
		b := h.mailbox()
		diff := make([]byte, wire.MaxDiff)
		fill(diff, uint64(i))
		want := sum(diff)
		var pieces [][]byte
		for rest, k := diff, 1; len(rest) > 0; k = k*3%5000 + 1 {
			k = min(k, len(rest))
			pieces = append(pieces, rest[:k])
			rest = rest[k:]
		}
		for range part(rounds) {
			for range ahead {
				for j := range n {
					if j == i {
						continue
					}
					m := wire.Message{Type: wire.Diff, From: h.ID, Reply: b.ID(), Obj: 7, Length: wire.MaxDiff}
					if err := b.Send(wire.HostID(j), &m, pieces...); err != nil {
						return err
					}
				}
			}
			for range ahead * (n - 1) {
				var m wire.Message
				if err := b.Recv(wire.Any, &m, nil); err != nil {
					return err
				}
				if m.Type != wire.DiffAck || m.Version != want {
					return fmt.Errorf("diff arrived damaged: %+v, not %#x", m, want)
				}
			}
		}
		return nil
	})
}

func mailboxOrder(t *testing.T, mk Make) {
	const senders, each = 4, 500
	var next [senders + 1]atomic.Uint64 // by mailbox
	c := Start(t, mk, 2, func(h *Host, m *wire.Message, body []byte) {
		if want := next[m.Reply].Add(1) - 1; m.Obj != want {
			h.t.Errorf("mailbox %d: message %d came when %d was due", m.Reply, m.Obj, want)
		}
		if m.Type != wire.Diff {
			return
		}
		if m.Version = uint64(len(body)); m.Obj == each-1 {
			h.Answer(m, body)
		}
	})
	together(t, senders, func(int) error {
		b := c.Hosts[1].mailbox()
		rng := rand.New(rand.NewPCG(2, uint64(b.ID())))
		for i := range uint64(each) {
			m := wire.Message{Type: wire.CVSet, From: 1, Reply: b.ID(), Obj: i}
			var body []byte
			if rng.IntN(4) == 0 || i == each-1 {
				m.Type = wire.Diff
				body = make([]byte, rng.IntN(40000))
				m.Length = uint64(len(body))
			}
			if err := b.Send(0, &m, body); err != nil {
				return err
			}
		}
		var m wire.Message
		return b.Recv(0, &m, nil)
	})
}

func postStorm(t *testing.T, mk Make) {
	const n, threads = 3, 4
	each := part(2000)
	var got [n]atomic.Int64
	all := make(chan wire.HostID, n)
	c := Start(t, mk, n, func(h *Host, m *wire.Message, body []byte) {
		if m.Type != wire.LockFwd || m.Version != m.Obj*3 || body != nil {
			h.t.Errorf("host %d got %+v", h.ID, m)
		}
		if got[h.ID].Add(1) == int64((n-1)*threads*each) {
			all <- h.ID
		}
	})
	together(t, n*threads, func(i int) error {
		h := c.Hosts[i%n]
		for j := range uint64(each) {
			for to := range wire.HostID(n) {
				if to == h.ID {
					continue
				}
				if err := h.Post(to, &wire.Message{Type: wire.LockFwd, From: h.ID, Obj: j, Version: 3 * j}); err != nil {
					return err
				}
			}
		}
		return nil
	})
	for range n {
		within(t, all, "all posts to arrive")
	}
}

// postToSlow posts more than any socket buffer holds to a server that is stuck: Post must not wait.
func postToSlow(t *testing.T, mk Make) {
	posts := uint64(part(300))
	release := make(chan struct{})
	last := make(chan struct{})
	var next uint64
	c := Start(t, mk, 2, func(h *Host, m *wire.Message, body []byte) {
		<-release
		if m.Obj != next || len(m.Notices) != 2000 {
			h.t.Errorf("message %d with %d notices came when %d was due", m.Obj, len(m.Notices), next)
		}
		if next++; next == posts {
			close(last)
		}
	})
	notices := make([]wire.Notice, 2000)
	for i := range notices {
		notices[i] = wire.Notice{Page: wire.PageID(i), Count: 1}
	}
	together(t, 1, func(int) error {
		for i := range posts {
			m := wire.Message{Type: wire.LockGrant, From: 1, Obj: i, Notices: notices}
			if err := c.Hosts[1].Post(0, &m); err != nil {
				return err
			}
		}
		return nil
	})
	close(release)
	within(t, last, "the last post")
}

func linkOrders(t *testing.T, mk Make) {
	for _, first := range []int{0, 1} {
		c := Start(t, mk, 2, nil)
		links := [2]chan node.Link{make(chan node.Link, 1), make(chan node.Link, 1)}
		open := func(i int) {
			l, err := c.Hosts[i].OpenLink(wire.HostID(1 - i))
			c.Hosts[i].must(err)
			links[i] <- l
		}
		go open(first)
		go open(1 - first)
		l := [2]node.Link{within(t, links[0], "link"), within(t, links[1], "link")}
		together(t, 2, func(i int) error {
			for round := range uint64(200) {
				out := wire.Message{
					Type: wire.BarArrive, From: wire.HostID(i), Obj: round, Kind: wire.KindWait,
					Ranges: []wire.Range{{Page: 1, Count: round + 1, Writer: wire.Many}},
					Allocs: []wire.Alloc{{Call: 3, Args: []uint64{round, 5}}},
				}
				var in wire.Message
				if err := l[i].Send(&out); err != nil {
					return err
				}
				if err := l[i].Recv(&in); err != nil {
					return err
				}
				if in.Obj != round || in.Ranges[0] != out.Ranges[0] || in.Allocs[0].Args[0] != round || in.From != wire.HostID(1-i) {
					return fmt.Errorf("sent %+v, got %+v", out, in)
				}
			}
			return nil
		})
	}
}

// linkExchange has both ends send more than the sockets hold before either reads.
func linkExchange(t *testing.T, mk Make) {
	c := Start(t, mk, 2, nil)
	ranges := make([]wire.Range, part(500_000)) // 12 MB
	for i := range ranges {
		ranges[i] = wire.Range{Page: wire.PageID(2 * i), Count: 1, Writer: wire.HostID(i % 5)}
	}
	together(t, 2, func(i int) error {
		l, err := c.Hosts[i].OpenLink(wire.HostID(1 - i))
		if err != nil {
			return err
		}
		for round := range uint64(1) {
			if err := l.Send(&wire.Message{Type: wire.BarRelease, From: wire.HostID(i), Obj: round, Ranges: ranges}); err != nil {
				return err
			}
			var m wire.Message
			if err := l.Recv(&m); err != nil {
				return err
			}
			if m.Obj != round || len(m.Ranges) != len(ranges) || m.Ranges[len(ranges)-1] != ranges[len(ranges)-1] {
				return fmt.Errorf("round %d: %d ranges of round %d", round, len(m.Ranges), m.Obj)
			}
		}
		return nil
	})
}

func misuse(t *testing.T, mk Make) {
	h := Start(t, mk, 2, nil).Hosts[0]
	b := h.mailbox()
	for what, err := range map[string]error{
		"post to itself":             h.Post(0, &wire.Message{Type: wire.LockFwd, From: 0}),
		"post to a host beyond":      h.Post(2, &wire.Message{Type: wire.LockFwd, From: 0}),
		"post of a page":             h.Post(1, &wire.Message{Type: wire.Page, From: 0}),
		"reply to no mailbox":        h.Reply(1, &wire.Message{Type: wire.DiffAck, From: 0, Port: 99}, nil),
		"another's name as sender":   b.Send(1, &wire.Message{Type: wire.LockReq, From: 1, Reply: b.ID()}),
		"diff of another length":     b.Send(1, &wire.Message{Type: wire.Diff, From: 0, Reply: b.ID(), Length: 3}, []byte("four")),
		"answer sent as a request":   b.Send(1, &wire.Message{Type: wire.DiffAck, From: 0, Reply: b.ID()}),
		"receive from a host beyond": b.Recv(7, new(wire.Message), nil),
		"send to a negative host":    b.Send(-3, &wire.Message{Type: wire.LockReq, From: 0}),
	} {
		if err == nil {
			t.Errorf("%s was accepted", what)
		}
	}
	if err := h.get(b, 1, 1, make([]byte, PageSize)); err != nil {
		t.Errorf("after misuse: %v", err)
	}
}

// closeWakes closes a host whose threads wait in every way there is.
func closeWakes(t *testing.T, mk Make) {
	c := Start(t, mk, 3, nil)
	h := c.Hosts[0]
	one, any := h.mailbox(), h.mailbox()
	links := make(chan node.Link, 2)
	go func() {
		l, err := c.Hosts[1].OpenLink(0)
		c.Hosts[1].must(err)
		links <- l
	}()
	l, err := h.OpenLink(1)
	h.must(err)
	within(t, links, "the other end of the link")
	waits := []func() error{
		func() error { return one.Recv(1, new(wire.Message), nil) },
		func() error { return any.Recv(wire.Any, new(wire.Message), [][]byte{make([]byte, PageSize)}) },
		func() error { return l.Recv(new(wire.Message)) },
		func() error { _, err := h.OpenLink(2); return err },
	}
	errs := make(chan error, len(waits))
	for _, wait := range waits {
		go func() { errs <- wait() }()
	}
	together(t, 3, func(int) error { return h.Close() })
	for range waits {
		if err := within(t, errs, "a waiting thread to wake up"); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a waiting thread woke up with %v", err)
		}
	}
	_, err = h.OpenMailbox(99)
	for _, err := range []error{
		err, h.Post(1, &wire.Message{Type: wire.LockFwd, From: 0}), one.Recv(1, new(wire.Message), nil),
		one.Send(1, &wire.Message{Type: wire.LockReq, From: 0}), l.Send(&wire.Message{Type: wire.BarArrive, From: 0}), waits[3](),
	} {
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	}
	select {
	case loss := <-h.Gone:
		t.Errorf("closing reported %v as a loss", loss)
	default:
	}
}

// deadPeer closes one host of three while threads of another wait for it.
func deadPeer(t *testing.T, mk Make) {
	c := Start(t, mk, 3, func(*Host, *wire.Message, []byte) {})
	h := c.Hosts[0]
	one, any, other := h.mailbox(), h.mailbox(), h.mailbox()
	waits := []func() error{
		func() error { return one.Recv(2, new(wire.Message), nil) },
		func() error { return any.Recv(wire.Any, new(wire.Message), nil) },
	}
	errs := make(chan error, len(waits))
	for _, wait := range waits {
		go func() { errs <- wait() }()
	}
	if err := c.Hosts[2].Close(); err != nil {
		t.Fatal(err)
	}
	for range waits {
		gone := new(node.LostHost)
		if err := within(t, errs, "a waiting thread to notice"); !errors.As(err, &gone) || gone.Host != 2 {
			t.Errorf("waiting for a dead host ended with %v", err)
		}
	}
	for _, survivor := range c.Hosts[:2] {
		if loss := within(t, survivor.Gone, "Lost"); loss.Host != 2 || loss.Err == nil {
			t.Errorf("host %d was told of %v", survivor.ID, loss)
		}
	}
	if err := h.Post(2, &wire.Message{Type: wire.LockFwd, From: 0}); err == nil {
		t.Error("posting to a dead host succeeded")
	}
	if err := other.Send(1, &wire.Message{Type: wire.CVSet, From: 0, Reply: other.ID()}); err != nil {
		t.Errorf("the survivors are cut off from each other: %v", err)
	}
	for _, survivor := range c.Hosts[:2] {
		survivor.must(survivor.Close())
		select {
		case loss := <-survivor.Gone:
			if loss.Host == 2 {
				t.Errorf("host %d was told twice of host 2", survivor.ID)
			}
		default:
		}
	}
}
