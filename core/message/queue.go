// Package message is what a host does with messages between programs, as plain data structures: it matches those that have
// arrived with the receives that wait, combines the operands of a reduction, and says who sends to whom in a collective
// call. It does no I/O, takes no lock and starts nothing; package node drives it.
package message

import (
	"fmt"

	"jiajia/core/wire"
)

// AnyTag matches every tag, as wire.Any does every host.
const AnyTag = -1

// overhead is what a message is held to take beside its bytes, so that empty ones count as well.
const overhead = 128

// Call says what a part of a collective call belongs to; hosts that call differently find it out by comparing. It is zero
// for messages of jia_send.
type Call struct {
	What  What
	Root  wire.HostID
	Bytes uint64 // of the whole call, on each host
}

// Head is the envelope of a message.
type Head struct {
	From   wire.HostID
	Number uint64 // of the sender: tells the messages of one sender apart while pieces of them are under way
	Tag    int64  // at least 0
	Size   uint64 // bytes of the whole message
	Call   Call
}

// A Message is one that has begun to arrive.
type Message struct {
	Head
	pieces [][]byte // what has arrived and was not read to its end yet, in order
	read   int      // bytes of the first one that were
	due    uint64   // bytes still to come

	receive    *Receive // that matched, or nil
	prev, next *Message // in Queue.all while receive is nil
	later      *Message // the next one of the same host and tag, likewise
}

// Read moves the next bytes into b and returns how many: less than len(b) only when none are left. What was read is given
// up at once.
func (m *Message) Read(b []byte) (n int) {
	for n < len(b) && len(m.pieces) > 0 {
		k := copy(b[n:], m.pieces[0][m.read:])
		n += k
		if m.read += k; m.read == len(m.pieces[0]) {
			giveBack(m.pieces[0])
			m.pieces[0] = nil
			m.pieces, m.read = m.pieces[1:], 0
		}
	}
	return n
}

// Empty tells whether all that has arrived was read.
func (m *Message) Empty() bool { return len(m.pieces) == 0 }

// A Receive waits for one message. From may be wire.Any and Tag AnyTag.
type Receive struct {
	From wire.HostID
	Tag  int64
	msg  *Message
}

// Done tells whether a message has matched and has arrived to its last byte.
func (r *Receive) Done() bool { return r.msg != nil && r.msg.due == 0 }

// Message returns it; only when Done.
func (r *Receive) Message() *Message { return r.msg }

func (r *Receive) matches(m *Message) bool {
	return (r.From == wire.Any || r.From == m.From) && (r.Tag == AnyTag || r.Tag == m.Tag)
}

// A Queue holds messages that no receive has asked for yet, or receives for which no message has come; the zero value is
// empty. Messages of one host match in the order in which their first pieces arrived, and receives in that of Post, so no
// message overtakes another of its sender and tag.
type Queue struct {
	all  list                 // messages without a receive, by arrival
	same map[key]*line        // the same ones by host and tag
	part map[partKey]*Message // those with bytes still to come
	open []*Receive           // receives without a message, by Post
	held uint64               // bytes of messages without a receive, overhead included
}

type key struct {
	from wire.HostID
	tag  int64
}

type partKey struct {
	from   wire.HostID
	number uint64
}

// line is a first-in, first-out list through Message.later.
type line struct{ first, last *Message }

// Held is the memory in bytes, roughly, that messages without a receive take.
func (q *Queue) Held() uint64 { return q.held }

// Oldest returns the message without a receive that arrived first, or nil.
func (q *Queue) Oldest() *Message { return q.all.first }

// Post takes a receive: it matches the oldest message that fits, or waits for one. The queue keeps r until it has matched.
func (q *Queue) Post(r *Receive) {
	if m := q.find(r); m != nil {
		q.remove(m)
		m.receive, r.msg = r, m
		return
	}
	q.open = append(q.open, r)
}

// find returns the oldest message that r matches. Only a receive with one wildcard has to search.
func (q *Queue) find(r *Receive) *Message {
	switch {
	case r.From == wire.Any && r.Tag == AnyTag:
		return q.all.first
	case r.From != wire.Any && r.Tag != AnyTag:
		if l := q.same[key{r.From, r.Tag}]; l != nil {
			return l.first
		}
		return nil
	}
	for m := q.all.first; m != nil; m = m.next {
		if r.matches(m) {
			return m
		}
	}
	return nil
}

// Arrive takes the next piece of a message, of which it keeps a copy. It returns the receive that is done by it, or nil. An
// error means that the sender contradicts itself.
func (q *Queue) Arrive(h Head, piece []byte) (*Receive, error) {
	n := uint64(len(piece))
	m := q.part[partKey{h.From, h.Number}]
	switch {
	case m == nil && n <= h.Size && (n > 0 || h.Size == 0):
		m = q.begin(h)
	case m == nil || m.Head != h || n == 0 || n > m.due:
		return nil, fmt.Errorf("host %d sent %d bytes of message %d (tag %d, %d bytes), which do not fit it: %w",
			h.From, n, h.Number, h.Tag, h.Size, wire.ErrField)
	}
	if n > 0 {
		m.pieces = append(m.pieces, keep(piece))
	}
	m.due -= n
	if m.receive == nil {
		q.held += n
	}
	if m.due > 0 {
		if q.part == nil {
			q.part = make(map[partKey]*Message)
		}
		q.part[partKey{h.From, h.Number}] = m
		return nil, nil
	}
	delete(q.part, partKey{h.From, h.Number})
	return m.receive, nil
}

// begin enters a new message: it matches the oldest receive that fits, or is kept.
func (q *Queue) begin(h Head) *Message {
	m := &Message{Head: h, due: h.Size}
	for i, r := range q.open {
		if r.matches(m) {
			q.open = append(q.open[:i], q.open[i+1:]...)
			m.receive, r.msg = r, m
			return m
		}
	}
	q.all.append(m)
	k := key{m.From, m.Tag}
	l := q.same[k]
	if l == nil {
		if q.same == nil {
			q.same = make(map[key]*line)
		}
		l = &line{first: m}
		q.same[k] = l
	} else {
		l.last.later = m
	}
	l.last = m
	q.held += overhead
	return m
}

// remove takes out a message that a receive has matched. It is the first of its host and tag, as no other can match.
func (q *Queue) remove(m *Message) {
	q.all.remove(m)
	k := key{m.From, m.Tag}
	if l := q.same[k]; m.later != nil {
		l.first = m.later
	} else {
		delete(q.same, k)
	}
	m.later = nil
	q.held -= overhead + m.Size - m.due
}

// list is a doubly linked list through Message.prev and next.
type list struct{ first, last *Message }

func (l *list) append(m *Message) {
	if m.prev = l.last; m.prev != nil {
		m.prev.next = m
	} else {
		l.first = m
	}
	l.last = m
}

func (l *list) remove(m *Message) {
	if m.prev != nil {
		m.prev.next = m.next
	} else {
		l.first = m.next
	}
	if m.next != nil {
		m.next.prev = m.prev
	} else {
		l.last = m.prev
	}
	m.prev, m.next = nil, nil
}
