//go:build rdma

package rdma

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"jiajia/rdma/verbs"
)

const (
	entries     = 10  // of a send queue, each with a buffer
	signalEach  = 4   // entries from one whose success is told to the next
	inlineBytes = 128 // that are sent along with the request: a header and some more
)

// A seg is a segment that has come.
type seg struct {
	b    []byte
	slot int // of the receiver's memory, or -1: a copy
}

// A receiver is a completion queue for what comes over some connections, with a receive queue that they share, and the memory
// for both directions of them. One thread at a time uses it.
type receiver struct {
	t      *Transport
	pd     *verbs.PD
	most   int // connections
	ch     *verbs.Channel
	cq     *verbs.CQ
	srq    *verbs.SRQ // nil: each connection has a queue of its own
	memory []byte     // the receive buffers, then the send buffers of each connection
	mr     *verbs.MR
	conns  map[uint32]*conn // by the number of the queue pair
	all    []*conn
	list   [16]verbs.Completion
}

// receiverBytes is the memory that a receiver for so many connections locks.
func receiverBytes(most int) int { return most * (buffers + entries) * segmentBytes }

// newReceiver makes a receiver whose completions ch tells of, as those of source. When it is not shared, or the
// device has no shared receive queues, each connection has a queue of its own for its part of the buffers.
func (t *Transport) newReceiver(ch *verbs.Channel, source source, most int, shared bool) (r *receiver, err error) {
	r = &receiver{t: t, pd: t.pd, ch: ch, most: most, conns: make(map[uint32]*conn)}
	if !shared {
		r.pd = t.lobby
	}
	defer func() {
		if err != nil {
			err = errors.Join(verbs.Locked(err, receiverBytes(most)), r.free())
			r = nil
		}
	}()
	size := (receiverBytes(most) + os.Getpagesize() - 1) &^ (os.Getpagesize() - 1)
	// Shared, so that a fork of the program does not give the parent a copy which the device knows nothing of.
	if r.memory, err = unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS); err != nil {
		return r, os.NewSyscallError("mmap", err)
	}
	if r.mr, err = r.pd.Register(r.memory, verbs.LocalWrite); err != nil {
		return r, err
	}
	if r.cq, err = t.context.NewCQ(most*buffers, t.loop.register(source), ch); err != nil {
		return r, err
	}
	if shared && !t.unshared {
		if r.srq, err = r.pd.NewSRQ(most * buffers); err != nil {
			return r, err
		}
		for i := range most * buffers {
			if err = r.srq.Post(uint64(i), r.buffer(i), r.mr.Local); err != nil {
				return r, err
			}
		}
	}
	return r, r.cq.Notify()
}

func (r *receiver) buffer(slot int) []byte {
	return r.memory[slot*segmentBytes:][:segmentBytes:segmentBytes]
}

// post gives a buffer back to the device.
func (r *receiver) post(slot int) error {
	if r.srq == nil {
		return r.all[slot/buffers].qp.Post(uint64(slot), r.buffer(slot), r.mr.Local)
	}
	return r.srq.Post(uint64(slot), r.buffer(slot), r.mr.Local)
}

// connect adds a connection with p: that of id, or else one that open will join.
func (r *receiver) connect(p *peer, id *verbs.ID) (*conn, error) {
	if len(r.all) == r.most {
		return nil, fmt.Errorf("more than %d connections", r.most)
	}
	c := &conn{t: r.t, peer: p, in: r, room: r.memory[(r.most*buffers+len(r.all)*entries)*segmentBytes:][:entries*segmentBytes]}
	var err error
	if c.scq, err = r.t.context.NewCQ(entries+1, r.t.loop.register(c), r.ch); err != nil {
		return nil, verbs.Locked(err, receiverBytes(1))
	}
	want := verbs.Want{Send: c.scq, Recv: r.cq, Shared: r.srq, SendEntries: entries, Inline: inlineBytes}
	if r.srq == nil {
		want.Buffers = buffers
	}
	if id != nil {
		c.qp, err = id.NewQP(r.pd, &want)
	} else {
		c.qp, err = r.pd.NewQP(&want)
	}
	if err != nil {
		return nil, errors.Join(verbs.Locked(err, receiverBytes(1)), c.scq.Free())
	}
	r.conns[c.qp.Number] = c
	first := len(r.all) * buffers
	r.all = append(r.all, c)
	supply := func() error {
		for i := range buffers {
			if err := r.post(first + i); err != nil {
				return err
			}
		}
		return nil
	}
	if id != nil {
		return c, supply()
	}
	if r.srq == nil {
		c.qp.Joined = supply
	}
	r.t.mu.Lock()
	defer r.t.mu.Unlock()
	r.t.conns = append(r.t.conns, c)
	return c, nil
}

// poll takes what has come, grants included, and hands each segment with bytes to take. It returns how much it was.
func (r *receiver) poll(take func(c *conn, s seg)) int {
	n, err := r.cq.Poll(r.list[:])
	if err != nil {
		r.t.failed(err)
		return 0
	}
	for i := range r.list[:n] {
		w := &r.list[i]
		c := r.conns[w.QP]
		switch err := w.Err(); {
		case c == nil: // the rest of a connection that could not be made
			if r.srq != nil {
				r.post(int(w.WR))
			}
		case err != nil:
			if !c.broke() { // which knows the reason, where this is a consequence
				c.fail(err)
			}
		default:
			s := seg{r.buffer(int(w.WR))[:w.Bytes], int(w.WR)}
			if len(s.b) == 0 {
				// First of all: what is sent with these credits may be answered by the next grant at once.
				if err := r.post(s.slot); err != nil {
					c.fail(err)
				}
				c.granted(w.Imm)
				continue
			}
			c.granted(w.Imm)
			take(c, s)
		}
	}
	return n
}

// free frees what there is. Nothing of it is in use any more.
func (r *receiver) free() error {
	var errs []error
	for _, c := range r.all {
		errs = append(errs, c.qp.Free(), c.scq.Free())
	}
	if r.srq != nil {
		errs = append(errs, r.srq.Free())
	}
	if r.cq != nil {
		errs = append(errs, r.cq.Free())
	}
	if r.mr != nil {
		errs = append(errs, r.mr.Free())
	}
	if r.memory != nil {
		errs = append(errs, unix.Munmap(r.memory))
	}
	return errors.Join(errs...)
}
