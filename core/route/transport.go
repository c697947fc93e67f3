package route

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"jiajia/core/node"
	"jiajia/core/wire"
)

// A Part is a transport and the hosts that it serves, by id.
type Part struct {
	Transport node.Transport
	Hosts     []bool
}

// A Transport is several transports as one. What concerns one host is that host's transport's business, without further ado.
//
// Each part calls a Handler of its own, from a serving thread of its own.
type Transport struct {
	self  wire.HostID
	spin  time.Duration
	parts []node.Transport
	of    []int // by host id: index into parts; none for this host
	feed  feed
	bell  bell // rung by Recall
	end   bell // rung by Close, and never silenced: wakes all sleepers

	closed atomic.Bool
	freed  chan struct{} // closed when Close is through

	mu    sync.Mutex // guards boxes, and the first call of Close
	boxes []*mailbox

	attend  sync.Mutex // held by the thread in Attend; guards sleeper
	sleeper sleeper
}

var _ node.FrameKeeper = (*Transport)(nil)

// Join makes one transport of several, each of which serves hosts that no other part does. spin is how long a thread that waits for
// whichever host polls before it sleeps; 0: not at all. The parts belong to the result from now on.
func Join(self wire.HostID, parts []Part, spin time.Duration) (*Transport, error) {
	t := &Transport{self: self, spin: spin, bell: bell{fd: -1}, end: bell{fd: -1}, freed: make(chan struct{})}
	for i, p := range parts {
		for len(t.of) < len(p.Hosts) {
			t.of = append(t.of, none)
		}
		for host, served := range p.Hosts {
			if served && t.of[host] != none {
				return nil, fmt.Errorf("join transports: host %d is served by two", host)
			}
			if served {
				t.of[host] = i
			}
		}
		t.parts = append(t.parts, p.Transport)
		f := p.Transport.Feed()
		t.feed.feeds = append(t.feed.feeds, f)
		t.feed.sources = append(t.feed.sources, f)
	}
	if err := errors.Join(t.bell.open(), t.end.open()); err != nil {
		t.bell.free()
		t.end.free()
		return nil, fmt.Errorf("join transports: %w", err)
	}
	return t, nil
}

// to returns the transport of a host.
func (t *Transport) to(host wire.HostID) (node.Transport, error) {
	i, err := t.index(host)
	if err != nil {
		return nil, err
	}
	return t.parts[i], nil
}

func (t *Transport) index(host wire.HostID) (int, error) {
	if host < 0 || int(host) >= len(t.of) || t.of[host] == none {
		return none, fmt.Errorf("host %d is not a peer of host %d", host, t.self)
	}
	return t.of[host], nil
}

// Post implements node.Transport.
func (t *Transport) Post(to wire.HostID, m *wire.Message) error {
	part, err := t.to(to)
	if err != nil {
		return fmt.Errorf("post %v: %w", m.Type, err)
	}
	return part.Post(to, m)
}

// Reply implements node.Transport.
func (t *Transport) Reply(to wire.HostID, m *wire.Message, body ...[]byte) error {
	part, err := t.to(to)
	if err != nil {
		return fmt.Errorf("reply %v: %w", m.Type, err)
	}
	return part.Reply(to, m, body...)
}

// OpenLink implements node.Transport.
func (t *Transport) OpenLink(to wire.HostID) (node.Link, error) {
	part, err := t.to(to)
	if err != nil {
		return nil, fmt.Errorf("open link: %w", err)
	}
	return part.OpenLink(to)
}

// SendData implements node.Transport.
func (t *Transport) SendData(to wire.HostID, m *wire.Message, body ...[]byte) error {
	part, err := t.to(to)
	if err != nil {
		return fmt.Errorf("send %v: %w", m.Type, err)
	}
	return part.SendData(to, m, body...)
}

// Reaches implements node.Transport.
func (t *Transport) Reaches(host wire.HostID) bool {
	part, err := t.to(host)
	return err == nil && part.Reaches(host)
}

// Publish implements node.Transport.
func (t *Transport) Publish(home []node.Span) error {
	for _, part := range t.parts {
		if err := part.Publish(home); err != nil {
			return err
		}
	}
	return nil
}

// Kept implements node.FrameKeeper.
func (t *Transport) Kept(dst []node.Span) []node.Span {
	for _, part := range t.parts {
		if k, ok := part.(node.FrameKeeper); ok {
			dst = k.Kept(dst)
		}
	}
	return dst
}

// Marked implements node.Transport. Peers of different parts may have read the same page.
func (t *Transport) Marked(dst []wire.PageID) []wire.PageID {
	start, named := len(dst), 0
	for _, part := range t.parts {
		before := len(dst)
		if dst = part.Marked(dst); len(dst) > before {
			named++
		}
	}
	if named > 1 {
		slices.Sort(dst[start:])
		dst = dst[:start+len(slices.Compact(dst[start:]))]
	}
	return dst
}

// Accept implements node.Transport.
func (t *Transport) Accept() {
	for _, part := range t.parts {
		part.Accept()
	}
}

// OpenMailbox implements node.Transport.
func (t *Transport) OpenMailbox(id uint32) (node.Mailbox, error) {
	b := &mailbox{t: t, id: id}
	for _, part := range t.parts {
		box, err := part.OpenMailbox(id)
		if err != nil {
			return nil, err
		}
		b.boxes = append(b.boxes, box)
		b.sources = append(b.sources, box)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed.Load() {
		return nil, fmt.Errorf("open mailbox %d: %w", id, net.ErrClosed)
	}
	t.boxes = append(t.boxes, b)
	return b, nil
}

// Close implements node.Transport. Whoever sleeps for several parts at once is woken and waited for before their descriptors go.
func (t *Transport) Close() error {
	t.mu.Lock()
	if t.closed.Swap(true) {
		t.mu.Unlock()
		<-t.freed
		return nil
	}
	t.end.ring()
	t.mu.Unlock()
	for _, b := range t.boxes { // which does not change any more
		b.detach()
	}
	t.attend.Lock()
	defer t.attend.Unlock()
	errs := make([]error, len(t.parts))
	for i, part := range t.parts {
		errs[i] = part.Close()
	}
	t.bell.free()
	t.end.free()
	close(t.freed)
	return errors.Join(errs...)
}
