//go:build rdma

package rdma

import (
	"fmt"

	"jiajia/core/wire"
)

// An inbox receives messages at a desk, in the thread that waits for them.
type inbox struct {
	*desk
	part []byte // of a list
}

// take waits for the next segment of c, and takes it; it must be given to c.used.
func (i *inbox) take(c *conn) (s seg, err error) {
	err = i.await(func() (bool, error) {
		if c.t.closed.Load() {
			return false, c.ended()
		}
		lost := c.peer.lost()
		i.pump()
		if !c.arrived() && lost { // not what has come before the loss
			return false, c.ended()
		}
		return c.arrived(), nil
	})
	if err != nil {
		return s, err
	}
	return c.take(), nil
}

// receive receives the next message that comes over c. The payload of a Page goes into frames.
func (i *inbox) receive(c *conn, m *wire.Message, frames [][]byte, check func(*wire.Message) error) error {
	s, err := i.take(c)
	if err != nil {
		return err
	}
	ranges, err := wire.DecodeHeader(s.b, m)
	if err == nil {
		err = check(m)
	}
	if err != nil {
		return err
	}
	first := s
	first.b = s.b[wire.HeaderSize:]
	if m.Type == wire.Page {
		return i.pages(c, m, frames, first)
	}
	payload := first.b
	if uint64(len(payload)) < m.Length {
		if payload, err = i.list(c, m, first); err != nil {
			return err
		}
		return wire.DecodePayload(m, ranges, payload)
	}
	err = wire.DecodePayload(m, ranges, payload)
	c.used(s)
	return err
}

// list puts the payload of m together, of which s is the beginning.
func (i *inbox) list(c *conn, m *wire.Message, s seg) ([]byte, error) {
	if cap(i.part) > keepBytes {
		i.part = nil
	}
	i.part = i.part[:0]
	for {
		i.part = append(i.part, s.b...)
		c.used(s)
		if uint64(len(i.part)) >= m.Length {
			return i.part, nil
		}
		var err error
		if s, err = i.take(c); err != nil {
			return nil, fmt.Errorf("in the middle of a message: %w", err)
		}
	}
}

// pages copies the payload of a Page, of which s is the beginning, into frames.
func (i *inbox) pages(c *conn, m *wire.Message, frames [][]byte, s seg) error {
	size := uint64(0)
	for k := range wire.MaxWindow {
		if !m.Carries(k) {
			continue
		}
		if k >= len(frames) {
			return fmt.Errorf("%v: bytes of page %d of %d: %w", m.Type, k, len(frames), wire.ErrField)
		}
		size += uint64(len(frames[k]))
	}
	if m.Length != size {
		return fmt.Errorf("%v: payload length %d for frames of %d bytes: %w", m.Type, m.Length, size, wire.ErrField)
	}
	for k := range frames {
		if k >= wire.MaxWindow || !m.Carries(k) {
			continue
		}
		for frame := frames[k]; len(frame) > 0; {
			if len(s.b) == 0 {
				c.used(s)
				var err error
				if s, err = i.take(c); err != nil {
					return fmt.Errorf("in the middle of a message: %w", err)
				}
			}
			n := copy(frame, s.b)
			frame, s.b = frame[n:], s.b[n:]
		}
	}
	if len(s.b) > 0 {
		return fmt.Errorf("%v: %d bytes beyond its end: %w", m.Type, len(s.b), wire.ErrPayload)
	}
	c.used(s)
	return nil
}
