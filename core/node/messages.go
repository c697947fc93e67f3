package node

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"jiajia/core/message"
	"jiajia/core/stats"
	"jiajia/core/wire"
)

// mostHeld is how many bytes of messages may wait for their receive before the senders have to: see jia_send in jia.h.
const mostHeld = 256 << 20

// inbox holds what other hosts, and this one, have sent for jia_recv and for the collective calls. Of the threads that wait
// for something, one attends the transport and hands out what comes; when it leaves, another takes its place. While
// nobody waits, the transport's serving thread fills the queues.
type inbox struct {
	sent    uint64      // messages of jia_send, for their numbers; guarded by Node.mu
	full    atomic.Bool // the queues hold too much
	closing atomic.Bool // this host is in jia_exit: nothing is too much
	warned  atomic.Bool

	mu        mutex // guards what follows
	user      message.Queue
	parts     message.Queue // of collective calls; their tags are the steps
	waiters   []*waiter     // in await, by arrival
	attending *waiter       // the one that reads the transport, or nil

	collecting bool   // a thread of this host is in a collective call
	step       uint64 // steps of collective calls so far
	collected  uint64 // bytes that are done of a call in several pieces; guarded by Node.mu

	sending []outbox // one for each host
}

// outbox is the sending to one host.
type outbox struct {
	mu      mutex // held while a message is sent; see mutex for why it is not left to the transport. Guards what follows
	stalled bool  // the message under way had to wait, and pause is that wait
	pause   pause
}

// waiter is one wait for a message.
type waiter struct {
	message.Receive
	done atomic.Bool // Receive.Done, for the attending thread, which does not hold mu
	park parker
}

// NewMessage returns a number for a message of so many bytes to send, which counts as passed from then on.
func (n *Node) NewMessage(total uint64) uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tally.row[stats.MessagesPassed]++
	n.tally.row[stats.MessageBytesPassed] += total
	n.in.sent++
	return n.in.sent
}

// Send sends the next piece of a message of so many bytes in all; the number is that of NewMessage, the same for all pieces,
// which one thread sends one after the other. A piece has at most wire.MaxData bytes, and none only when the message has
// none. It blocks while the receiver holds too much, and does not keep piece.
func (n *Node) Send(to wire.HostID, tag int32, number, total uint64, piece []byte) {
	switch {
	case to < 0 || int(to) >= n.cfg.Hosts:
		n.fail(fmt.Errorf("jia_send to host %d: %s", to, n.hostRange()))
	case tag < 0:
		n.fail(fmt.Errorf("jia_send with tag %d: a tag is a number from 0 up", tag))
	}
	if to != n.cfg.Self {
		n.sendData(to, &wire.Message{Type: wire.Data, Obj: number, Version: total, Epoch: uint64(tag)}, piece)
		return
	}
	h := message.Head{From: to, Number: number, Tag: int64(tag), Size: total}
	if err := n.arrive(&n.in.user, h, piece, true); err != nil {
		n.fail(err)
	}
}

// hostRange says which hosts there are.
func (n *Node) hostRange() string {
	if n.cfg.Hosts == 1 {
		return "there is host 0 alone"
	}
	return fmt.Sprintf("there are hosts 0 to %d", n.cfg.Hosts-1)
}

func (n *Node) sendData(to wire.HostID, m *wire.Message, body []byte) {
	m.From, m.Length = n.cfg.Self, uint64(len(body))
	n.mu.Lock()
	n.tally.sent(m.Length)
	n.mu.Unlock()
	o := &n.in.sending[to]
	if !o.mu.TryLock() {
		p := n.pauses(stats.InMessages)
		o.mu.Lock()
		n.resumes(p)
	}
	err := n.trans.SendData(to, m, body)
	if o.stalled {
		n.resumes(o.pause)
		o.stalled = false
	}
	o.mu.Unlock()
	switch {
	case errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE):
		n.fail(fmt.Errorf("%w: raise the limit (ulimit -n); hosts that pass messages have up to two connections for it", err))
	case err != nil:
		n.peerFailed(to, err)
	}
}

// Recv waits for a message of a host, or of wire.Any, with a tag, or message.AnyTag, and returns it whole. One of more than
// most bytes is misuse.
func (n *Node) Recv(from wire.HostID, tag int32, most uint64) *message.Message {
	switch {
	case from != wire.Any && (from < 0 || int(from) >= n.cfg.Hosts):
		n.fail(fmt.Errorf("jia_recv from host %d: %s; any is MSG_PROC_ALL (-1)", from, n.hostRange()))
	case tag < message.AnyTag:
		n.fail(fmt.Errorf("jia_recv with tag %d: a tag is a number from 0 up; any is MSG_TAG_ALL (-1)", tag))
	}
	w := &waiter{Receive: message.Receive{From: from, Tag: int64(tag)}}
	n.await(&n.in.user, w)
	m := w.Message()
	if m.Size > most {
		n.fail(fmt.Errorf("jia_recv: the message of host %d with tag %d has %d bytes, the buffer %d; receive into one that holds the longest message",
			m.From, m.Tag, m.Size, most))
	}
	n.mu.Lock()
	n.tally.row[stats.MessagesTaken]++
	n.tally.row[stats.MessageBytesTaken] += m.Size
	n.mu.Unlock()
	return m
}

// await waits until w is done. It uses no processor meanwhile, but for the spin of the transport.
func (n *Node) await(q *message.Queue, w *waiter) {
	in := &n.in
	in.mu.Lock()
	q.Post(&w.Receive)
	if !w.Done() {
		in.waiters = append(in.waiters, w)
		in.mu.Unlock()
		p := n.pauses(stats.InMessages)
		n.wait(w)
		n.resumes(p)
		in.mu.Lock()
	}
	accept := in.full.Load() && in.held() < mostHeld/2
	if accept {
		in.full.Store(false)
	}
	in.mu.Unlock()
	if accept && n.trans != nil {
		n.trans.Accept()
	}
}

// wait waits until w, one of the waiters, is done, and takes it off their list.
func (n *Node) wait(w *waiter) {
	in := &n.in
	in.mu.Lock()
	for !w.Done() {
		attend := n.trans != nil && in.attending == nil
		if attend {
			in.attending = w
		}
		in.mu.Unlock()
		var err error
		if attend {
			err = n.trans.Attend(w.done.Load)
		} else {
			w.park.wait()
		}
		in.mu.Lock()
		if attend {
			in.attending = nil
		}
		if err != nil {
			in.mu.Unlock()
			n.fail(fmt.Errorf("wait for a message: %w", err))
		}
	}
	in.waiters = slices.DeleteFunc(in.waiters, func(o *waiter) bool { return o == w })
	if in.attending == nil && len(in.waiters) > 0 {
		// To attend, or it is done itself and will wake the next. The serving thread would do, but for a full inbox.
		in.waiters[0].park.wake()
	}
	in.mu.Unlock()
}

func (in *inbox) held() uint64 { return in.user.Held() + in.parts.Held() }

// arrive takes a piece of a message. local says that it comes from a thread of this host and not through the transport: then
// whoever attends has to be told.
func (n *Node) arrive(q *message.Queue, h message.Head, piece []byte, local bool) error {
	in := &n.in
	in.mu.Lock()
	r, err := q.Arrive(h, piece)
	recall := false
	if r != nil {
		i := slices.IndexFunc(in.waiters, func(w *waiter) bool { return &w.Receive == r })
		if i < 0 {
			in.mu.Unlock()
			return errors.New("node: a message for nobody")
		}
		w := in.waiters[i]
		w.done.Store(true)
		if w == in.attending {
			recall = local
		} else {
			w.park.wake()
		}
	}
	full := in.held() > mostHeld
	if full {
		in.full.Store(true)
	}
	in.mu.Unlock()
	if recall {
		n.trans.Recall()
	}
	if full && in.warned.CompareAndSwap(false, true) {
		go n.cfg.Log.Warnf("%d MiB of messages wait for jia_recv; senders wait until it is called", mostHeld>>20)
	}
	return err
}

// Data implements Handler.
func (s *server) Data(m *wire.Message, body []byte) {
	n := s.n
	n.mu.Lock()
	n.tally.received(m)
	n.mu.Unlock()
	var err error
	if m.Type == wire.Data {
		err = n.arrive(&n.in.user, message.Head{From: m.From, Number: m.Obj, Tag: int64(m.Epoch), Size: m.Version}, body, false)
	} else {
		err = n.arrive(&n.in.parts, message.Head{
			From: m.From, Number: m.Obj, Tag: int64(m.Obj), Size: m.Length,
			Call: message.Call{What: message.What(m.Version), Root: m.Host, Bytes: m.Epoch},
		}, body, false)
	}
	if err != nil {
		n.fail(err)
	}
}

// Stalled implements Handler.
func (s *server) Stalled(to wire.HostID) {
	if o := &s.n.in.sending[to]; !o.stalled {
		o.stalled, o.pause = true, s.n.pauses(stats.InMessages)
	}
}

// Full implements Handler.
func (s *server) Full() bool { return s.n.in.full.Load() && !s.n.in.closing.Load() }

// takeTheRest has this host take whatever others still send, since nobody will receive any more: a sender that had to wait for
// room would never reach the rendezvous of jia_exit, for which this host is about to wait.
func (n *Node) takeTheRest() {
	n.in.closing.Store(true)
	if n.trans != nil {
		n.trans.Accept()
	}
}
