package rdma

import (
	"fmt"

	"jiajia/core/wire"
)

// A typeSet is a set of message types.
type typeSet uint32

func setOf(types ...wire.Type) (s typeSet) {
	for _, t := range types {
		s |= 1 << t
	}
	return s
}

// What may travel where. Both ends check it.
var (
	toServer = setOf(wire.GetPage, wire.Diff, wire.LockReq, wire.LockFwd, wire.CVSet, wire.CVReset, wire.CVWait)
	asData   = setOf(wire.Data, wire.Collect)
	posted   = ^(setOf(wire.Page, wire.Diff) | asData)
)

// vet checks that a message of this type may come, or go, here, and that it names its true sender.
func vet(m *wire.Message, from wire.HostID, allowed typeSet) error {
	if allowed>>m.Type&1 == 0 {
		return fmt.Errorf("%v: type %d does not belong on this connection: %w", m.Type, uint8(m.Type), wire.ErrField)
	}
	if m.From != from {
		return fmt.Errorf("%v: sender %d on a connection of host %d: %w", m.Type, m.From, from, wire.ErrField)
	}
	return nil
}

// total is the number of bytes in all pieces.
func total(pieces [][]byte) (n uint64) {
	for _, p := range pieces {
		n += uint64(len(p))
	}
	return n
}
