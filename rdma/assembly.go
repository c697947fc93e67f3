package rdma

import (
	"fmt"

	"jiajia/core/wire"
)

// keepBytes is how large a buffer may be that stays with its connection while it is empty.
const keepBytes = 64 << 10

// An assembly puts the messages that a server receives together from their segments. A message begins with a segment.
type assembly struct {
	from    wire.HostID
	allowed wire.Set
	m       wire.Message
	ranges  uint64
	need    int    // bytes of the message's payload; 0 between messages
	part    []byte // of the payload
}

// take takes the next segment. When a message is complete it is in a.m, and payload is what follows its header, valid until
// the next call or for as long as b.
func (a *assembly) take(b []byte) (payload []byte, complete bool, err error) {
	if a.need > 0 {
		if len(b) > a.need-len(a.part) {
			return nil, false, fmt.Errorf("%v: %d bytes beyond its end: %w", a.m.Type, len(b)-a.need+len(a.part), wire.ErrPayload)
		}
		a.part = append(a.part, b...)
		if len(a.part) < a.need {
			return nil, false, nil
		}
		payload, a.need = a.part, 0
		if a.part = a.part[:0]; cap(a.part) > keepBytes {
			a.part = nil
		}
		return payload, true, wire.DecodePayload(&a.m, a.ranges, payload)
	}
	if a.ranges, err = wire.DecodeHeader(b, &a.m); err != nil {
		return nil, false, err
	}
	if err := a.allowed.Check(&a.m, a.from); err != nil {
		return nil, false, err
	}
	if a.m.Port != wire.Server {
		return nil, false, fmt.Errorf("%v: port %d, not the server's: %w", a.m.Type, a.m.Port, wire.ErrField)
	}
	if a.m.Length > wire.MaxDiff {
		return nil, false, fmt.Errorf("%v: payload length %d for a server: %w", a.m.Type, a.m.Length, wire.ErrField)
	}
	b = b[wire.HeaderSize:]
	switch n := int(a.m.Length); {
	case len(b) > n:
		return nil, false, fmt.Errorf("%v: %d bytes beyond its end: %w", a.m.Type, len(b)-n, wire.ErrPayload)
	case len(b) < n:
		a.part, a.need = append(a.part, b...), n
		return nil, false, nil
	}
	return b, true, wire.DecodePayload(&a.m, a.ranges, b)
}
