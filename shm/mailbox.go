package shm

import (
	"errors"
	"fmt"
	"net"
	"sync"

	"golang.org/x/sys/unix"

	"jiajia/core/node"
	"jiajia/core/wire"
)

// A Mailbox implements node.Mailbox. Its memory is made by its host: a bell, and a ring for each host of the job, in which that
// one writes its answers. Requests travel in the ring of the pair, with the posts.
type Mailbox struct {
	t       *Transport
	id      uint32
	memory  *segment
	bell    alarm
	ready   func() bool // anySome, as a value that is made once
	eventfd int

	mu      sync.Mutex // held by the thread in a call; Close takes it to be sure that nobody is
	dead    bool
	readers []*reader // by host id, nil for this host and those that are no peers
	turn    int       // reader to look at first when waiting for any
}

const boxesAt = 4096 // where the rings begin in a mailbox's memory; the bell is at its start

const boxStride = ringHeadBytes + boxRing

func boxBytes(hosts int) uint64 { return boxesAt + uint64(hosts)*boxStride }

// OpenMailbox implements node.Transport.
func (t *Transport) OpenMailbox(id uint32) (node.Mailbox, error) {
	if err := t.enter("open mailbox"); err != nil {
		return nil, err
	}
	defer t.calls.Done()
	b, err := t.openMailbox(id)
	if err != nil {
		return nil, fmt.Errorf("open mailbox %d: %w", id, err)
	}
	return b, nil
}

func (t *Transport) openMailbox(id uint32) (*Mailbox, error) {
	if !t.started.Load() {
		return nil, errors.New("the transport has not been started")
	}
	memory, fd, err := makeSegment("jia-mailbox", boxBytes(t.o.Hosts))
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	eventfd, err := newEventfd()
	if err != nil {
		memory.free()
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	b := &Mailbox{
		t: t, id: id, memory: memory, bell: alarm{at[bell](memory, 0), eventfd}, eventfd: eventfd, readers: make([]*reader, t.o.Hosts),
	}
	b.ready = b.anySome
	t.mu.Lock()
	t.boxes = append(t.boxes, b) // from now on broken and Close ring its bell, and Close frees it
	t.mu.Unlock()
	for _, p := range t.active {
		b.readers[p.id] = &reader{
			source: newSource(memory, boxesAt+uint64(p.id)*boxStride, boxRing, p.server), t: t, peer: p, bell: b.bell,
			check: func(m *wire.Message) error {
				if m.Port != b.id {
					return fmt.Errorf("%v: port %d at mailbox %d: %w", m.Type, m.Port, b.id, wire.ErrField)
				}
				return wire.Answers.Check(m, p.id)
			},
		}
		if err := p.sendBox(id, fd, eventfd); err != nil {
			return nil, t.broken(p, err)
		}
	}
	for _, r := range b.readers {
		if r == nil {
			continue
		}
		b.bell.await(0, func() bool { return r.h.joined.Load() != 0 || t.closed.Load() || r.peer.lost() })
		if err := r.ended(); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// ID implements node.Mailbox.
func (b *Mailbox) ID() uint32 { return b.id }

// usable returns the peer with the given id, or what keeps it from being used.
func (b *Mailbox) usable(host wire.HostID) (*peer, error) {
	p, err := b.t.to(host)
	if err != nil {
		return nil, err
	}
	if b.dead || b.t.closed.Load() {
		return nil, net.ErrClosed
	}
	if p.lost() {
		return nil, *p.cause.Load()
	}
	return p, nil
}

// Send implements node.Mailbox.
func (b *Mailbox) Send(to wire.HostID, m *wire.Message, body ...[]byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, err := b.usable(to)
	if err == nil {
		err = b.send(p, m, body)
	}
	if err != nil {
		return fmt.Errorf("send %v to host %d: %w", m.Type, to, err)
	}
	return nil
}

func (b *Mailbox) send(p *peer, m *wire.Message, body [][]byte) error {
	if err := wire.CheckRequest(m, b.t.o.Self, body); err != nil {
		return err
	}
	return p.service.send(m, true, body...)
}

// Recv implements node.Mailbox.
func (b *Mailbox) Recv(from wire.HostID, m *wire.Message, frames [][]byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, err := b.await(from)
	if err == nil {
		err = r.receive(m, frames, b.t.o.Spin)
	}
	if err != nil {
		if from == wire.Any {
			return fmt.Errorf("receive in mailbox %d: %w", b.id, err)
		}
		return fmt.Errorf("receive from host %d in mailbox %d: %w", from, b.id, err)
	}
	return nil
}

// await returns the ring to receive from: the only one that may be meant, or one in which something has arrived, or whose writer
// is lost.
func (b *Mailbox) await(from wire.HostID) (*reader, error) {
	if from != wire.Any {
		if _, err := b.usable(from); err != nil {
			return nil, err
		}
		return b.readers[from], nil
	}
	if len(b.t.active) == 0 {
		return nil, errors.New("there is no other host")
	}
	if b.dead {
		return nil, net.ErrClosed
	}
	b.bell.await(b.t.o.Spin, b.ready)
	if b.t.closed.Load() {
		return nil, net.ErrClosed
	}
	for i := range b.readers {
		at := (b.turn + i) % len(b.readers)
		if r := b.readers[at]; r != nil && (r.some() || r.peer.lost()) {
			b.turn = at + 1
			return r, nil
		}
	}
	return nil, errRing // a writer that takes back what it has written
}

// anySome tells whether there is something to receive, or an error to be told.
func (b *Mailbox) anySome() bool {
	if b.t.closed.Load() {
		return true
	}
	for _, r := range b.readers {
		if r != nil && (r.some() || r.peer.lost()) {
			return true
		}
	}
	return false
}

// Ready implements node.Source.
func (b *Mailbox) Ready() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dead || b.anySome()
}

// Arm implements node.Source.
func (b *Mailbox) Arm(fds []unix.PollFd) []unix.PollFd {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.dead {
		b.bell.arm(b.ready)
	}
	return append(fds, unix.PollFd{Fd: int32(b.eventfd), Events: unix.POLLIN})
}

// Disarm implements node.Source.
func (b *Mailbox) Disarm() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.dead {
		b.bell.disarm()
	}
}

// Read implements node.Mailbox.
func (b *Mailbox) Read(from wire.HostID, pages []wire.PageID, frames [][]byte) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, err := b.usable(from)
	ok := false
	if err == nil && p.far != nil {
		ok, err = p.far.read(pages, frames)
	}
	if err != nil {
		return false, fmt.Errorf("read pages of host %d: %w", from, err)
	}
	return ok, nil
}

// Write implements node.Mailbox.
func (b *Mailbox) Write(to wire.HostID, stream []byte) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, err := b.usable(to)
	ok := false
	if err == nil && p.far != nil {
		ok, err = p.far.write(stream)
	}
	if err != nil {
		return false, fmt.Errorf("write to pages of host %d: %w", to, err)
	}
	return ok, nil
}

// detach waits until nobody is in a call and makes further ones fail.
func (b *Mailbox) detach() {
	b.mu.Lock()
	b.dead = true
	b.mu.Unlock()
}

// free gives the memory back, after detach and when no peer's bell is rung any more.
func (b *Mailbox) free() {
	b.memory.free()
	unix.Close(b.eventfd)
}
