package shm

import (
	"fmt"
	"sync"

	"jiajia/core/wire"
)

const (
	maxMessage   = wire.MaxDiff // payload bytes that an inlet takes
	turnBytes    = 256 << 10    // most that one inlet delivers per turn, beside the rest of a message
	spareBuffers = 4            // large buffers kept for the next large messages
)

// An inlet is a ring whose messages the host's own threads, the serving thread or one that attends, hand to the handler. One
// thread at a time reads it, and never waits.
type inlet struct {
	source
	from    wire.HostID
	allowed wire.Set // what may arrive
	spare   *spares

	header [wire.HeaderSize]byte
	body   []byte // of the message under way; of its full length once the header is known
	got    int    // bytes of the header, or, when that is known, of body
	known  bool   // the header is complete and decoded in m
	m      wire.Message
	ranges uint64
}

// turn delivers what has come, for as long as more says so.
func (in *inlet) turn(deliver func(m *wire.Message, body []byte), more func() bool) (progress bool, err error) {
	for bytes := 0; bytes < turnBytes && more(); {
		n, whole, err := in.step()
		if err != nil {
			return progress, err
		}
		bytes += n
		progress = progress || n > 0 || whole
		if whole {
			in.known, in.got = false, 0
			if err := wire.DecodePayload(&in.m, in.ranges, in.body); err != nil {
				return progress, err
			}
			deliver(&in.m, in.body)
			in.body = in.spare.give(in.body)
		} else if n == 0 {
			break
		}
	}
	return progress, nil
}

// step reads n bytes, up to the end of the header or of the message.
func (in *inlet) step() (n int, whole bool, err error) {
	dst := in.header[:]
	if in.known {
		dst = in.body
	}
	dst = dst[in.got:]
	n, err = in.pull(dst)
	if err != nil {
		return n, false, err
	}
	in.release()
	if in.got += n; n < len(dst) {
		return n, false, nil
	}
	if in.known {
		return n, true, nil
	}
	if err := in.begin(); err != nil {
		return n, false, err
	}
	return n, in.m.Length == 0, nil
}

// begin acts on a complete header.
func (in *inlet) begin() (err error) {
	if in.ranges, err = wire.DecodeHeader(in.header[:], &in.m); err != nil {
		return err
	}
	if err := in.allowed.Check(&in.m, in.from); err != nil {
		return err
	}
	if in.m.Port != wire.Server || in.m.Length > maxMessage {
		return fmt.Errorf("%v: port %d, payload length %d, at a server: %w", in.m.Type, in.m.Port, in.m.Length, wire.ErrField)
	}
	in.known, in.got = true, 0
	in.body = in.spare.take(in.body, int(in.m.Length))
	return nil
}

// spares are buffers for long messages.
type spares struct {
	mu   sync.Mutex
	free [][]byte // of maxMessage bytes
}

// take returns a buffer of so many bytes: the small one that the caller has, if it will do.
func (s *spares) take(own []byte, n int) []byte {
	if n <= cap(own) {
		return own[:n]
	}
	if n <= keepBytes {
		return make([]byte, n, max(2*n, 4096))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := len(s.free); k > 0 {
		b := s.free[k-1]
		s.free = s.free[:k-1]
		return b[:n]
	}
	return make([]byte, n, maxMessage)
}

// give takes a buffer back and returns what the caller keeps of it.
func (s *spares) give(b []byte) []byte {
	if cap(b) <= 2*keepBytes {
		return b[:0]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.free) < spareBuffers {
		s.free = append(s.free, b)
	}
	return nil
}
