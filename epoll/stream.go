package epoll

import (
	"errors"
	"fmt"
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

// receive waits for the next message. The payload of a Page goes into frame: what follows the header is received
// straight into it, in the same call. Bytes of later messages that get there that way move to the buffer, and zeros take
// their place.
func (s *stream) receive(m *wire.Message, frame []byte, spin time.Duration, check func(*wire.Message) error) error {
	stray := 0 // bytes in frame, of whatever follows the header
	if s.buffered() < wire.HeaderSize {
		var err error
		if frame == nil {
			err = s.fill(wire.HeaderSize, spin)
		} else {
			stray, err = s.fillInto(frame, spin)
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
	if m.Type == wire.Page {
		if frame == nil || m.Length != 0 && m.Length != uint64(len(frame)) {
			return fmt.Errorf("%v: payload length %d for a frame of %d bytes: %w", m.Type, m.Length, len(frame), wire.ErrField)
		}
		if m.Length != 0 {
			return s.page(frame, stray)
		}
	}
	if stray > 0 {
		s.room(stray)
		s.w += copy(s.buf[s.w:], frame[:stray])
		clear(frame[:stray])
	}
	if m.Length > 0 {
		n := int(m.Length)
		if err := s.fill(n, 0); err != nil {
			return cut(err)
		}
		if err := wire.DecodePayload(m, ranges, s.buf[s.r:s.r+n]); err != nil {
			return err
		}
		s.r += n
	} else if err := wire.DecodePayload(m, ranges, nil); err != nil {
		return err
	}
	s.trim()
	return nil
}

// fillInto receives the rest of a header into the buffer and what comes behind it into frame, and returns how much
// that is. Invariant: when it is not 0, the buffer holds the header alone.
func (s *stream) fillInto(frame []byte, spin time.Duration) (stray int, err error) {
	for s.buffered() < wire.HeaderSize {
		rest := wire.HeaderSize - s.buffered()
		s.room(rest)
		s.in.set(s.buf[s.w:s.w+rest], frame)
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

// page completes a frame of which got bytes are there.
func (s *stream) page(frame []byte, got int) error {
	if got == 0 {
		got = copy(frame, s.buf[s.r:s.w])
		s.r += got
	}
	for got < len(frame) {
		s.in.set(frame[got:])
		n, err := s.read(0)
		if err != nil {
			return cut(err)
		}
		got += n
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
