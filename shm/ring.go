package shm

import (
	"errors"
	"sync/atomic"
)

// A ring carries bytes from one host to another: one side writes, the other reads. Both ends keep their own position to
// themselves and check the other's whenever they look at it, so that a peer gone wild cannot lead us out of bounds.
type ringHead struct {
	head atomic.Uint64 // bytes ever written
	_    [56]byte
	tail atomic.Uint64 // bytes ever read
	_    [56]byte
	want atomic.Uint32 // 1: the writer has more than there is room for, and wants its alarm rung
	_    [60]byte
	// Whether the writer is there; of the rings of mailboxes alone.
	joined atomic.Uint32
}

const ringHeadBytes = 4096 // what a head takes in a segment

// Sizes of rings, in bytes: powers of two. Longer messages pass through in pieces.
const (
	serviceRing = 64 << 10
	linkRing    = 64 << 10
	boxRing     = 32 << 10 // one for each mailbox and peer
	dataRing    = 1 << 20
)

var errRing = errors.New("the shared memory with it is damaged [does the program, there or here, write through wild pointers?]")

// A source is the reading end.
type source struct {
	h    *ringHead
	data []byte
	tail uint64 // bytes read; of these, h.tail says that
	told uint64
	back alarm // of the writer who wants room
}

func newSource(s *segment, offset, size uint64, back alarm) source {
	return source{h: at[ringHead](s, offset), data: s.b[offset+ringHeadBytes:][:size:size], back: back}
}

// any tells whether there is something to read, or an error to be found.
func (s *source) any() bool { return s.h.head.Load() != s.tail }

// unread is any for other threads than the reader: what was read and not released counts.
func (s *source) unread() bool { return s.h.head.Load() != s.h.tail.Load() }

// pull reads what there is, and at most dst; n is 0 when there is nothing.
func (s *source) pull(dst []byte) (n int, err error) {
	have := s.h.head.Load() - s.tail
	if have > uint64(len(s.data)) {
		return 0, errRing
	}
	dst = dst[:min(uint64(len(dst)), have)]
	at := s.tail & uint64(len(s.data)-1)
	n = copy(dst, s.data[at:])
	n += copy(dst[n:], s.data)
	s.tail += uint64(n)
	return n, nil
}

// release gives the room of what was read back to the writer. It must be called before the reader waits for more.
func (s *source) release() {
	if s.told != s.tail {
		s.told = s.tail
		s.h.tail.Store(s.tail)
	}
	// Half of the ring at least, as a wake-up for every few bytes would cost more than it gains.
	if s.h.want.Load() != 0 && s.h.head.Load()-s.tail <= uint64(len(s.data))/2 && s.h.want.Swap(0) != 0 {
		s.back.ring()
	}
}

// A sink is the writing end.
type sink struct {
	h    *ringHead
	data []byte
	head uint64 // bytes written; the reader has been told of some
	// tail is what h.tail has been at least. The reader's own word is looked at only when that leaves too little room: the look takes it
	// away from the reader's processor.
	tail uint64
	wake alarm // of the reader
}

func newSink(s *segment, offset, size uint64, wake alarm) sink {
	return sink{h: at[ringHead](s, offset), data: s.b[offset+ringHeadBytes:][:size:size], wake: wake}
}

// room tells whether something can be written, or an error found. Any thread.
func (s *sink) room() bool { return s.h.head.Load()-s.h.tail.Load() != uint64(len(s.data)) }

// push writes as much of src as there is room for.
func (s *sink) push(src []byte) (n int, err error) {
	held := s.head - s.tail
	if uint64(len(s.data))-held < uint64(len(src)) {
		s.tail = s.h.tail.Load()
		if held = s.head - s.tail; held > uint64(len(s.data)) {
			return 0, errRing
		}
	}
	src = src[:min(uint64(len(src)), uint64(len(s.data))-held)]
	at := s.head & uint64(len(s.data)-1)
	n = copy(s.data[at:], src)
	n += copy(s.data, src[n:])
	s.head += uint64(n)
	return n, nil
}

// tell publishes what was written.
func (s *sink) tell() {
	s.h.head.Store(s.head)
	s.wake.ring()
}
