package shm

import (
	"errors"
	"fmt"
	"time"

	"jiajia/core/wire"
)

const growStep = 1 << 20 // bytes of room made ahead of a long message, beside twice what has arrived

// A reader is a ring that is read by the thread that waits for its messages. It is used by one thread at a time.
type reader struct {
	source
	t     *Transport
	peer  *peer
	bell  alarm                     // our own
	check func(*wire.Message) error // what may come; a field, as a closure made for each message would be allocated
	late  bool                      // what came before the peer was lost is still wanted
	early []byte                    // bytes that have been read already, before those in the ring

	header [wire.HeaderSize]byte
	buf    []byte
}

var errCut = errors.New("it ended in the middle of a message")

// some tells whether there is something to read, or an error to be found.
func (r *reader) some() bool { return len(r.early) > 0 || r.any() }

// ended returns why nothing will come any more.
func (r *reader) ended() error {
	if r.t.closed.Load() || r.peer.lost() {
		return r.t.broken(r.peer, nil)
	}
	return nil
}

// receive waits for the next message. The payload of a Page goes into frames.
func (r *reader) receive(m *wire.Message, frames [][]byte, spin time.Duration) error {
	err := r.message(m, frames, spin)
	r.release()
	if err != nil {
		return r.t.broken(r.peer, err)
	}
	return nil
}

func (r *reader) message(m *wire.Message, frames [][]byte, spin time.Duration) error {
	if !r.late {
		if err := r.ended(); err != nil {
			return err
		}
	}
	if err := r.fill(r.header[:], spin); err != nil {
		return err
	}
	ranges, err := wire.DecodeHeader(r.header[:], m)
	if err != nil {
		return err
	}
	if err := r.check(m); err != nil {
		return err
	}
	if m.Type == wire.Page && (m.Version|m.Epoch != 0 || m.Length != 0) {
		return r.pages(m, frames)
	}
	payload, err := r.payload(int(m.Length))
	if err != nil {
		return err
	}
	err = wire.DecodePayload(m, ranges, payload)
	if cap(r.buf) > keepBytes {
		r.buf = nil
	}
	return err
}

// payload reads so many bytes. Space follows what has arrived, not what a header announces.
func (r *reader) payload(n int) ([]byte, error) {
	b := r.buf[:0]
	for len(b) < n {
		k := min(n-len(b), max(growStep, len(b)))
		b = append(b, make([]byte, k)...)
		if err := r.fill(b[len(b)-k:], 0); err != nil {
			return nil, err
		}
	}
	r.buf = b
	return b, nil
}

// pages reads the payload of a Page into the frames that it carries bytes for.
func (r *reader) pages(m *wire.Message, frames [][]byte) error {
	size := uint64(0)
	for i := range wire.MaxWindow {
		if !m.Carries(i) {
			continue
		}
		if i >= len(frames) {
			return fmt.Errorf("%v: bytes of page %d of %d: %w", m.Type, i, len(frames), wire.ErrField)
		}
		size += uint64(len(frames[i]))
	}
	if m.Length != size {
		return fmt.Errorf("%v: payload length %d for frames of %d bytes: %w", m.Type, m.Length, size, wire.ErrField)
	}
	for i, frame := range frames {
		if m.Carries(i) {
			if err := r.fill(frame, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// fill reads len(dst) bytes.
func (r *reader) fill(dst []byte, spin time.Duration) error {
	for begun := false; len(dst) > 0; {
		n := copy(dst, r.early)
		if n > 0 {
			if r.early = r.early[n:]; len(r.early) == 0 {
				r.early = nil
			}
		} else {
			var err error
			if n, err = r.pull(dst); err != nil {
				return err
			}
		}
		dst = dst[n:]
		if n > 0 {
			begun = true
			continue
		}
		r.release()
		r.bell.await(spin, func() bool { return r.any() || r.t.closed.Load() || r.peer.lost() })
		if !r.any() || r.t.closed.Load() {
			err := r.ended()
			if err != nil && begun {
				return errors.Join(errCut, err)
			}
			return err
		}
		spin = 0
	}
	return nil
}

// takeEarly reads what is there, for later.
func (r *reader) takeEarly() error {
	for r.any() {
		at := len(r.early)
		r.early = append(r.early, make([]byte, linkRing)...)
		n, err := r.pull(r.early[at:])
		r.early = r.early[:at+n]
		if err != nil {
			return err
		}
		r.release()
	}
	return nil
}
