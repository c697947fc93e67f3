//go:build rdma

package rdma

import (
	"errors"
	"net"
	"sync"

	"jiajia/core/wire"
	"jiajia/rdma/verbs"
)

// A conn is an end of a connection, a queue pair. Its receiver's thread reads it. What one thread alone sends over (a mailbox, a
// link, data) is sent with sendAll, which waits; servers' answers and posts are sent with send, by any thread, which does not: what there
// is no credit for is queued, and the receiver's thread, the loop, sends it when there is.
type conn struct {
	t    *Transport
	peer *peer
	in   *receiver
	qp   *verbs.QP
	scq  *verbs.CQ // of what was sent
	room []byte    // its buffers, by sequence number modulo entries
	join *join     // not nil: the service connection, or one that has yet to prove itself

	// Of the reader alone.
	segs []seg // that have come for a thread that waits; those before next are taken
	next int
	asm  assembly

	mu sync.Mutex // guards what follows
	credits
	head, tail uint64   // sequence numbers of the next entry of the send queue, and of the first whose end is not known
	probed     uint64   // sequence number after the last probe
	queue      [][]byte // messages, or what is left of one, that wait
	out        pieces
	enc        []byte
	dead       bool
	done       [entries]verbs.Completion
}

// fail tells that the connection cannot go on.
func (c *conn) fail(err error) {
	if c.join != nil && !c.join.joined.Load() {
		c.join.failed(err)
		return
	}
	c.t.broken(c.peer, err)
}

// arrived tells whether there is a segment to take.
func (c *conn) arrived() bool { return c.next < len(c.segs) }

// take takes it; it must be given to used.
func (c *conn) take() seg {
	s := c.segs[c.next]
	c.segs[c.next] = seg{}
	if c.next++; 2*c.next >= len(c.segs) { // so that the list does not grow for ever while it never runs dry
		c.segs, c.next = c.segs[:copy(c.segs, c.segs[c.next:])], 0
	}
	return s
}

// granted takes in credits that came with a segment, and sends what waited for them.
func (c *conn) granted(n uint32) {
	if n == 0 {
		return
	}
	c.mu.Lock()
	ok := c.credits.granted(n)
	err := c.flushLocked()
	c.mu.Unlock()
	if !ok {
		err = errors.New("it granted more credits than it has buffers")
	}
	if err != nil {
		c.fail(err)
	}
}

// used gives the buffer of a segment back, and grants credits when there are enough. Reader's thread.
func (c *conn) used(s seg) {
	if s.slot < 0 {
		return
	}
	err := c.in.post(s.slot)
	c.mu.Lock()
	c.owed++
	if err == nil {
		err = c.grantLocked()
	}
	c.mu.Unlock()
	if err != nil {
		c.fail(err)
	}
}

func (c *conn) grantLocked() error {
	if c.dead || c.owed < grantFrom || !c.entryLocked() {
		return nil
	}
	grant, _ := c.grant()
	return c.postLocked(nil, grant)
}

// entryLocked tells whether the send queue has an entry left.
func (c *conn) entryLocked() bool {
	if c.head-c.tail < entries {
		return true
	}
	c.reapLocked()
	return c.head-c.tail < entries
}

// reapLocked looks at what was sent.
func (c *conn) reapLocked() {
	n, err := c.scq.Poll(c.done[:])
	for i := range c.done[:max(n, 0)] {
		if w := &c.done[i]; w.Status == 0 {
			c.tail = max(c.tail, w.WR+1)
		} else if err == nil {
			err = w.Err()
		}
	}
	if err != nil && !c.dead {
		c.dead = true
		go c.fail(err) // which may want locks that the caller holds
	}
}

// broke tells whether something that was sent has failed.
func (c *conn) broke() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reapLocked()
	return c.dead
}

// postLocked sends b, which lies in the next entry's buffer.
func (c *conn) postLocked(b []byte, grant uint32) error {
	var flags verbs.Flag
	if (c.head+1)%signalEach == 0 {
		flags |= verbs.Signaled
	}
	if len(b) <= c.qp.Inline {
		flags |= verbs.Inline
	}
	err := c.qp.Send(c.head, b, c.in.mr.Local, grant, flags)
	c.head++
	return err
}

// pumpLocked sends of out what there are credits for.
func (c *conn) pumpLocked() error {
	for !c.out.done() {
		if c.dead {
			return net.ErrClosed
		}
		if c.left == 0 || !c.entryLocked() {
			return nil
		}
		grant, _ := c.spend()
		slot := c.room[c.head%entries*segmentBytes:][:segmentBytes]
		if err := c.postLocked(slot[:c.out.segment(slot)], grant); err != nil {
			return err
		}
	}
	return nil
}

// send sends a message, or queues what there is no credit for. Any thread.
func (c *conn) send(m *wire.Message, body ...[]byte) error {
	if c.peer.lost() || c.t.closed.Load() {
		return c.t.broken(c.peer, nil)
	}
	c.mu.Lock()
	if cap(c.enc) > keepBytes {
		c.enc = nil
	}
	c.enc = wire.Append(c.enc[:0], m)
	err := c.sendLocked(body)
	c.mu.Unlock()
	if err != nil {
		return c.t.broken(c.peer, err)
	}
	return nil
}

// sendRaw is send for bytes that are no message.
func (c *conn) sendRaw(b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.enc = append(c.enc[:0], b...)
	return c.sendLocked(nil)
}

func (c *conn) sendLocked(body [][]byte) error {
	defer func() { c.out = pieces{} }()
	c.out.set(c.enc, body)
	if len(c.queue) == 0 {
		if err := c.pumpLocked(); err != nil || c.out.done() {
			return err
		}
	}
	c.queue = append(c.queue, c.out.rest())
	return c.wantEntryLocked()
}

// wantEntryLocked has the reader's thread call completed when an entry becomes free, if it is that what is wanting.
func (c *conn) wantEntryLocked() error {
	if c.left == 0 || c.head-c.tail < entries {
		return nil
	}
	err := c.scq.Notify()
	c.reapLocked()
	if err == nil && c.head-c.tail < entries {
		err = c.flushLocked()
	}
	return err
}

// flushLocked sends from the queue.
func (c *conn) flushLocked() error {
	for len(c.queue) > 0 {
		c.out.set(c.queue[0], nil)
		err := c.pumpLocked()
		c.queue[0], c.out = c.out.head, pieces{}
		if err != nil {
			return err
		}
		if len(c.queue[0]) > 0 {
			return c.wantEntryLocked()
		}
		c.queue[0] = nil
		c.queue = c.queue[1:]
	}
	c.queue = nil
	return c.grantLocked()
}

// completed implements source: there is news of what was sent.
func (c *conn) completed() {
	c.mu.Lock()
	c.reapLocked()
	err := c.flushLocked()
	c.mu.Unlock()
	if err != nil && err != net.ErrClosed {
		c.fail(err)
	}
}

// sendAll sends a message; wait is called, without the lock, until moves would move. The connection's only sender.
func (c *conn) sendAll(m *wire.Message, body [][]byte, wait func(c *conn) error) error {
	if cap(c.enc) > keepBytes {
		c.enc = nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.enc = wire.Append(c.enc[:0], m)
	c.out.set(c.enc, body)
	defer func() { c.out = pieces{} }()
	for {
		if err := c.pumpLocked(); err != nil || c.out.done() {
			return err
		}
		c.mu.Unlock()
		err := wait(c)
		c.mu.Lock()
		if err != nil {
			return err
		}
	}
}

// moves tells whether a segment can be sent.
func (c *conn) moves() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dead || c.left > 0 && c.entryLocked()
}

// arm has the channel tell when an entry becomes free.
func (c *conn) arm() error { return c.scq.Notify() }

// probe sends nothing anywhere, and is answered by the device at the other end. Also looks at what became of the one before.
func (c *conn) probe(always bool) error {
	return c.question(always, func(wr uint64) error { return c.qp.Write(wr, nil, 0, 0, 0, verbs.Signaled) })
}

// question posts a request that the device at the other end answers.
func (c *conn) question(always bool, post func(wr uint64) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reapLocked()
	if c.dead || !always && c.head == c.tail {
		return nil
	}
	if c.head-c.tail >= entries {
		c.probed = c.head - signalEach + 1 // the last whose success is told will do
		return nil
	}
	err := post(c.head)
	c.head++
	c.probed = c.head
	return err
}

// answered tells whether the last probe was.
func (c *conn) answered() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reapLocked()
	return c.dead || c.tail >= c.probed
}

// quiet tells whether all that was sent has arrived, or will not.
func (c *conn) quiet() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reapLocked()
	return c.dead || c.head == c.tail
}

// detach makes c unusable.
func (c *conn) detach() {
	c.mu.Lock()
	c.dead, c.queue = true, nil
	c.mu.Unlock()
}
