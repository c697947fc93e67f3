package epoll

import (
	"errors"
	"fmt"
	"math/bits"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/core/wire"
)

const (
	streamBytes = 4096    // of a stream's buffer to begin with
	growStep    = 1 << 20 // bytes of room made ahead of a long message, beside twice what has arrived
)

// A stream is an end of a connection that is read by the thread that waits for a message, with blocking calls. It is
// used by one thread at a time.
type stream struct {
	fd   int
	buf  []byte // buf[r:w] has been received and not been looked at yet
	r, w int
	in   vector
}

func newStream(fd int) stream { return stream{fd: fd, buf: make([]byte, streamBytes)} }

// buffered is the number of bytes that have been received already.
func (s *stream) buffered() int { return s.w - s.r }

// room makes space for n bytes behind those that are buffered.
func (s *stream) room(n int) {
	if s.r == s.w {
		s.r, s.w = 0, 0
	}
	if len(s.buf)-s.w >= n {
		return
	}
	b := s.buf
	if need := s.buffered() + n; need > len(b) {
		b = make([]byte, max(need, 2*len(b)))
	}
	s.w = copy(b, s.buf[s.r:s.w])
	s.r = 0
	s.buf = b
}

// trim gives a large buffer back once it is empty.
func (s *stream) trim() {
	if s.r == s.w {
		s.r, s.w = 0, 0
		if len(s.buf) > keepBytes {
			s.buf = make([]byte, streamBytes)
		}
	}
}

// read receives into s.in. It polls for as long as spin says, giving the processor to whoever wants it, and then
// sleeps in the kernel.
func (s *stream) read(spin time.Duration) (int, error) {
	defer s.in.clear()
	if spin > 0 {
		for start := time.Now(); ; {
			n, e := s.in.tryRecv(s.fd)
			if e != unix.EAGAIN && e != unix.EINTR {
				return received(n, e)
			}
			if time.Since(start) >= spin {
				break
			}
			yield()
		}
	}
	for {
		n, e := s.in.recv(s.fd)
		if e != unix.EINTR {
			return received(n, e)
		}
	}
}

func received(n int, e unix.Errno) (int, error) {
	switch {
	case e != 0:
		return 0, os.NewSyscallError("recvmsg", e)
	case n == 0:
		return 0, errHungUp
	}
	return n, nil
}

// fill receives until n bytes are buffered, or more.
func (s *stream) fill(n int, spin time.Duration) error {
	for s.buffered() < n {
		// Space follows what has arrived, not what a header announces.
		s.room(min(n-s.buffered(), growStep))
		s.in.set(s.buf[s.w:])
		k, err := s.read(spin)
		if err != nil {
			return err
		}
		s.w += k
		spin = 0
	}
	return nil
}

// receive waits for the next message. The payload of a Page goes into frames: what follows the header is received
// straight into them, in the same call. Bytes that do not belong there move to the buffer, and zeros take their place.
func (s *stream) receive(m *wire.Message, frames [][]byte, spin time.Duration, check func(*wire.Message) error) error {
	stray := 0 // bytes in frames, of whatever follows the header
	if s.buffered() < wire.HeaderSize {
		var err error
		if len(frames) == 0 {
			err = s.fill(wire.HeaderSize, spin)
		} else {
			stray, err = s.fillInto(frames, spin)
		}
		if err != nil {
			return err
		}
	}
	ranges, err := wire.DecodeHeader(s.buf[s.r:s.w], m)
	if err != nil {
		return err
	}
	if err := check(m); err != nil {
		return err
	}
	s.r += wire.HeaderSize
	carried := 0
	if m.Type == wire.Page {
		if carried, err = s.carried(m, frames); err != nil {
			return err
		}
	}
	if stray > 0 && carried < len(frames) {
		s.takeBack(frames, stray)
		stray = 0
	}
	switch {
	case carried > 0:
		return s.pages(stray)
	case m.Length > 0:
		n := int(m.Length)
		if err := s.fill(n, 0); err != nil {
			return cut(err)
		}
		if err := wire.DecodePayload(m, ranges, s.buf[s.r:s.r+n]); err != nil {
			return err
		}
		s.r += n
	default:
		if err := wire.DecodePayload(m, ranges, nil); err != nil {
			return err
		}
	}
	s.trim()
	return nil
}

// carried sets s.in to the frames that a Page carries bytes for, and returns how many these are.
func (s *stream) carried(m *wire.Message, frames [][]byte) (int, error) {
	s.in.clear()
	n, size := 0, uint64(0)
	for half, set := range [2]uint64{m.Version, m.Epoch} {
		for ; set != 0; set &= set - 1 {
			i := 64*half + bits.TrailingZeros64(set)
			if i >= len(frames) {
				return 0, fmt.Errorf("%v: bytes of page %d of %d: %w", m.Type, i, len(frames), wire.ErrField)
			}
			s.in.add(frames[i])
			n++
			size += uint64(len(frames[i]))
		}
	}
	if m.Length != size || len(frames) == 0 {
		return 0, fmt.Errorf("%v: payload length %d for %d frames of %d bytes: %w", m.Type, m.Length, len(frames), size, wire.ErrField)
	}
	return n, nil
}

// fillInto receives the rest of a header into the buffer and what comes behind it into frames, and returns how much
// that is. Invariant: when it is not 0, the buffer holds the header alone.
func (s *stream) fillInto(frames [][]byte, spin time.Duration) (stray int, err error) {
	for s.buffered() < wire.HeaderSize {
		rest := wire.HeaderSize - s.buffered()
		s.room(rest)
		s.in.set(s.buf[s.w : s.w+rest])
		for _, f := range frames {
			s.in.add(f)
		}
		n, err := s.read(spin)
		if err != nil {
			return 0, err
		}
		k := min(n, rest)
		s.w += k
		stray = n - k
		spin = 0
	}
	return stray, nil
}

// takeBack moves the first n bytes of frames to the buffer.
func (s *stream) takeBack(frames [][]byte, n int) {
	s.room(n)
	for _, f := range frames {
		k := min(n, len(f))
		s.w += copy(s.buf[s.w:], f[:k])
		clear(f[:k])
		n -= k
	}
}

// pages completes the frames in s.in, of which got bytes are there; when there are none, the buffer has the first.
func (s *stream) pages(got int) error {
	defer s.in.clear()
	s.in.advance(got)
	for !s.in.done() && s.buffered() > 0 {
		k := copy(s.in.first(), s.buf[s.r:s.w])
		s.r += k
		s.in.advance(k)
	}
	for !s.in.done() {
		n, e := s.in.recv(s.fd)
		if e == unix.EINTR {
			continue
		}
		n, err := received(n, e)
		if err != nil {
			return cut(err)
		}
		s.in.advance(n)
	}
	s.trim()
	return nil
}

// cut names the end of a stream for what it is.
func cut(err error) error {
	if errors.Is(err, errHungUp) {
		return fmt.Errorf("in the middle of a message: %w", err)
	}
	return err
}
