package shm

import (
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"jiajia/core/wire"
)

// A peer is another host of this machine.
type peer struct {
	t    *Transport
	id   wire.HostID
	side int           // of the pair: connector or acceptor
	conn *net.UnixConn // for the handshake
	sock int           // the same connection afterwards, -1 before; closed by free

	theirs *segment // its bells and mark table
	pair   *segment
	dataFd int // eventfd of its bell for data
	far    *far

	meet      *meeting
	server    alarm // its serving thread
	theirLink alarm

	service  *outlet  // requests and posts to it
	requests inlet    // and from it; of the serving thread alone
	data     inlet    // guarded by intake.turn
	outgoing outgoing // data to it
	link     *Link

	boxMu sync.RWMutex
	boxes map[uint32]*box // its mailboxes

	beats uint32 // its control.beats when last looked at; of the thread that beats alone

	cause atomic.Pointer[error] // why the host is lost, once it is
}

func (p *peer) lost() bool { return p.cause.Load() != nil }

// A box is our end of a peer's mailbox.
type box struct {
	*outlet
	memory  *segment
	eventfd int
}

// Sides of a pair. The host with the higher id connects.
const (
	acceptor  = 0
	connector = 1
)

// meeting is what the memory of a pair begins with; arrays are by side. Behind it are rings, by kind and by the side that writes.
type meeting struct {
	link   [2]bell // both for messages and for room
	room   [2]bell // of who sends data
	linked [2]atomic.Uint32
}

// Kinds of rings in the memory of a pair.
const (
	serviceKind = iota
	linkKind
	dataKind
)

var pairRings = [...]uint64{serviceKind: serviceRing, linkKind: linkRing, dataKind: dataRing}

// ringAt returns where a ring is, or the size of the memory for the kind behind the last.
func ringAt(kind, side int) uint64 {
	at := uint64(4096)
	for k, size := range pairRings {
		if k == kind {
			return at + uint64(side)*(ringHeadBytes+size)
		}
		at += 2 * (ringHeadBytes + size)
	}
	return at
}

func pairBytes() uint64 { return ringAt(len(pairRings), 0) }

// join makes the ends of all rings, when the memory is there.
func (p *peer) join() {
	t, me, it := p.t, p.side, 1-p.side
	p.meet = at[meeting](p.pair, 0)
	c := at[control](p.theirs, 0)
	p.server = alarm{&c.server, -1}
	p.theirLink = alarm{&p.meet.link[it], -1}
	p.boxes = make(map[uint32]*box)
	in := func(kind int, back alarm) source {
		return newSource(p.pair, ringAt(kind, it), pairRings[kind], back)
	}
	out := func(kind int, wake alarm) sink {
		return newSink(p.pair, ringAt(kind, me), pairRings[kind], wake)
	}
	p.service = newOutlet(t, p, out(serviceKind, p.server))
	p.requests = inlet{source: in(serviceKind, p.server), from: p.id, allowed: wire.Posts | wire.Requests, spare: &t.spares}
	p.data = inlet{source: in(dataKind, alarm{&p.meet.room[it], -1}), from: p.id, allowed: wire.AsData, spare: &t.spares}
	p.outgoing = outgoing{
		sink: out(dataKind, alarm{&c.data, p.dataFd}), room: alarm{&p.meet.room[me], -1}, server: p.server, there: c,
	}
	bell := alarm{&p.meet.link[me], -1}
	p.link = &Link{t: t, peer: p, bell: bell, out: out(linkKind, p.theirLink), in: reader{
		source: in(linkKind, p.theirLink), t: t, peer: p, bell: bell, late: true,
		check: func(m *wire.Message) error { return wire.OverLink.Check(m, p.id) },
	}}
}

// addBox opens our end of a mailbox of the peer. Errors are those of the peer.
func (p *peer) addBox(b []byte, fds []int) error {
	if len(b) != boxSize || string(b[:len(boxMagic)]) != boxMagic || len(fds) != 2 {
		closeAll(fds)
		return fmt.Errorf("%d bytes and %d descriptors that announce no mailbox", len(b), len(fds))
	}
	id := binary.LittleEndian.Uint32(b[len(boxMagic):])
	memory, err := joinSegment(fds[0], boxBytes(p.t.o.Hosts))
	unix.Close(fds[0])
	if err != nil {
		// The peer waits in OpenMailbox, and could not be told otherwise.
		unix.Close(fds[1])
		return fmt.Errorf("map the memory of mailbox %d: %w [ulimit -v and vm.max_map_count limit that]", id, err)
	}
	wake := alarm{at[bell](memory, 0), fds[1]}
	sink := newSink(memory, boxesAt+uint64(p.t.o.Self)*boxStride, boxRing, wake)
	p.boxMu.Lock()
	defer p.boxMu.Unlock()
	if p.boxes[id] != nil || id == 0 || id > math.MaxInt32 {
		memory.free()
		unix.Close(fds[1])
		return fmt.Errorf("mailbox %d, for the second time or out of range", id)
	}
	p.boxes[id] = &box{newOutlet(p.t, p, sink), memory, fds[1]}
	sink.h.joined.Store(1)
	wake.ring()
	return nil
}

// box returns our end of a mailbox, or nil.
func (p *peer) box(id uint32) *outlet {
	p.boxMu.RLock()
	defer p.boxMu.RUnlock()
	if b := p.boxes[id]; b != nil {
		return b.outlet
	}
	return nil
}

// detach waits until nobody uses the peer's memory but under Transport.maps.
func (p *peer) detach() {
	p.service.detach()
	p.outgoing.detach()
	p.link.detach()
	for _, b := range p.boxes {
		b.detach()
	}
}

// free gives the peer's memory back.
func (p *peer) free() {
	for _, b := range p.boxes {
		b.memory.free()
		unix.Close(b.eventfd)
	}
	p.far.free()
	p.theirs.free()
	p.pair.free()
	for _, fd := range []int{p.dataFd, p.sock} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}
