//go:build rdma

package rdma

import (
	"errors"
	"fmt"
	"time"

	"jiajia/core/wire"
	"jiajia/rdma/verbs"
)

const (
	laneEntries = 128       // of the send queue of a lane
	bounceBytes = 512 << 10 // what a mailbox reads or writes at once; a page, if that is larger
	flushTime   = time.Second
)

// A hand is what a mailbox reads and writes peers' memory with: a queue pair for each of them, its lane, made when it is first wanted, and
// memory to and from which their bytes go.
//
// That memory is registered once, and bytes are copied between it and the frames. To register frames on the fly costs more than the
// copy, and frames that are registered for peers are those that this host seldom reads (docs/architecture.md has figures).
type hand struct {
	*desk
	cq    *verbs.CQ
	room  registered // the bounce buffer, then a block for the directory, then bytes that are 1
	lanes []*lane    // by host id
	list  []verbs.Request
	pages []wire.PageID // that a stream of diff records changes
	done  [1]verbs.Completion
}

// A lane is a queue pair of a mailbox and a peer.
type lane struct {
	peer *peer
	qp   *verbs.QP // nil: it could not be made
}

func (h *hand) bounce() []byte { return h.room.b[:len(h.room.b)-2*blockBytes] }
func (h *hand) block() []byte  { return h.room.b[len(h.room.b)-2*blockBytes:][:blockBytes] }
func (h *hand) ones() []byte   { return h.room.b[len(h.room.b)-blockBytes:] }

// lane returns the one to a peer that offers memory, or nil when there cannot be one.
func (h *hand) lane(p *peer, mailbox uint32) (*lane, error) {
	if h.lanes == nil {
		h.lanes = make([]*lane, len(h.t.peers))
	}
	if l := h.lanes[p.id]; l != nil {
		if l.qp == nil {
			return nil, nil
		}
		return l, nil
	}
	if err := h.t.enter("reach memory"); err != nil {
		return nil, err
	}
	defer h.t.calls.Done()
	l := &lane{peer: p}
	h.lanes[p.id] = l
	if err := h.open(l, mailbox); err != nil {
		if ended := h.ended(p); ended != nil {
			return nil, ended
		}
		h.t.o.Log.Warnf("the memory of host %d cannot be reached by thread %d: %v", p.id, mailbox, err)
		if l.qp != nil {
			err = l.qp.Free()
			l.qp = nil
			return nil, err
		}
		return nil, nil // the pages are asked for by messages
	}
	return l, nil
}

func (h *hand) open(l *lane, mailbox uint32) (err error) {
	if h.cq == nil {
		size := int(roundUp(uint64(max(bounceBytes, h.t.o.PageSize)), blockBytes)) + 2*blockBytes
		if h.room, err = makeRegistered(h.t.pd, size, verbs.LocalWrite); err != nil {
			return verbs.Locked(err, size)
		}
		for i := range h.ones() {
			h.ones()[i] = 1
		}
		if h.cq, err = h.t.context.NewCQ(laneEntries+1, h.t.loop.register(nil), h.ch); err != nil {
			err = errors.Join(err, h.room.free())
			h.room = registered{}
			return err
		}
	}
	l.qp, err = h.t.pd.NewQP(&verbs.Want{Send: h.cq, Recv: h.cq, SendEntries: laneEntries, Buffers: 1, Inline: inlineBytes})
	if err != nil {
		return verbs.Locked(err, receiverBytes(1))
	}
	return h.t.joinPair(l.peer, l.qp, forPages, mailbox)
}

// write adds a request to store bytes of the hand's memory.
func (h *hand) write(l *lane, b []byte, there uint64, key uint32) {
	r := request(true, b, h.room.mr.Local, there, key)
	if len(b) <= l.qp.Inline {
		r.Flags = int32(verbs.Inline)
	}
	h.list = append(h.list, r)
}

// read adds a request to read into the hand's memory.
func (h *hand) read(b []byte, there uint64, key uint32) {
	h.list = append(h.list, request(false, b, h.room.mr.Local, there, key))
}

// run carries out the requests of the list, in their order, and returns when they are all complete.
func (h *hand) run(l *lane) error {
	list := h.list
	h.list = h.list[:0]
	for len(list) > 0 {
		n := min(len(list), laneEntries)
		list[n-1].Flags |= int32(verbs.Signaled)
		err := l.qp.Requests(list[:n])
		if err == nil {
			err = h.complete(l)
		}
		if err != nil {
			return h.abandon(l, err)
		}
		list = list[n:]
	}
	return nil
}

// complete waits for the one request that tells of its end, or one that fails.
func (h *hand) complete(l *lane) error {
	h.also = h.cq
	defer func() { h.also = nil }()
	return h.await(func() (bool, error) {
		if over, err := h.over(l); over || err != nil {
			return true, err
		}
		return false, h.ended(l.peer)
	})
}

// over tells whether the last request over a lane has ended, or that one has failed.
func (h *hand) over(l *lane) (bool, error) {
	n, err := h.cq.Poll(h.done[:1])
	if n == 0 || err != nil || h.done[0].QP != l.qp.Number {
		return false, err
	}
	return h.done[0].WR == verbs.Last, h.done[0].Err()
}

// ended returns why a peer's memory is not to be waited for any more.
func (h *hand) ended(p *peer) error {
	_, err := h.t.usable(p.id)
	return err
}

// abandon makes sure that nothing comes into the hand's memory over a lane any more, and reports what it has failed of.
func (h *hand) abandon(l *lane, err error) error {
	l.qp.Fail()
	// Each request is flushed, with a completion of its own, in their order.
	for began := time.Now(); time.Since(began) < flushTime; yield() {
		if over, _ := h.over(l); over {
			break
		}
	}
	if ended := h.ended(l.peer); ended != nil {
		return ended
	}
	return h.t.broken(l.peer, fmt.Errorf("reach its memory: %w", err))
}

// look reads the directory of a peer.
func (h *hand) look(l *lane) error {
	return l.peer.far.look(func(from place, bytes int) ([]byte, error) {
		b := h.block()[:bytes]
		h.read(b, from.addr, from.key)
		return b, h.run(l)
	})
}

// locate finds where pages of a peer are; ok is false when that of one is not known.
func (h *hand) locate(l *lane, pages []wire.PageID) (list []extent, ok bool, err error) {
	far := l.peer.far
	if list = far.extents(); !knows(list, pages) && far.miss(list) {
		if err := h.look(l); err != nil {
			return nil, false, h.t.broken(l.peer, err)
		}
	}
	list = far.extents() // of which another thread may have made more meanwhile
	return list, knows(list, pages), nil
}

func knows(list []extent, pages []wire.PageID) bool {
	var e *extent
	for _, p := range pages {
		if e == nil || !e.has(p) {
			if e = find(list, uint64(p)); e == nil {
				return false
			}
		}
	}
	return true
}

func (h *hand) free() error {
	var errs []error
	for _, l := range h.lanes {
		if l != nil && l.qp != nil {
			errs = append(errs, l.qp.Free())
		}
	}
	if h.cq != nil {
		errs = append(errs, h.cq.Free())
	}
	return errors.Join(append(errs, h.room.free())...)
}

// request is one that reads from, or writes to, a place of a peer.
func request(write bool, here []byte, key uint32, there uint64, remote uint32) verbs.Request {
	r := verbs.Request{Here: verbs.Address(here), Bytes: uint32(len(here)), Local: key, There: there, Remote: remote}
	if write {
		r.Write = 1
	}
	return r
}
