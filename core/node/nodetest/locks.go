package nodetest

import (
	"fmt"
	"testing"

	"jiajia/core/wire"
)

// mostEnded is how many notices the machine puts into one RWDone.
const mostEnded = 16384

// answerLocks is what Answer says to requests about words and reader/writer locks. A word holds what is one above the operand; a
// lock has as many notices as its number, and tells how many came at the end of a scope.
func answerLocks(m, r *wire.Message) {
	switch m.Type {
	case wire.Atomic:
		r.Type, r.Version = wire.AtomicDone, m.Version+1
	case wire.RWAsk:
		r.Type, r.Version = wire.RWGrant, m.Version+m.Obj
		for i := range m.Obj {
			r.Notices = append(r.Notices, wire.Notice{Page: wire.PageID(2 * i), Count: 1, Version: m.Version + i + 1})
		}
	case wire.RWDone:
		r.Type, r.Version = wire.RWDone, uint64(len(m.Notices))
	}
}

// lockCalls sends the requests of several threads of each host at once: with lists of notices from a mailbox to a server, up to the
// longest that the machine sends, and with lists that come back.
func lockCalls(t *testing.T, mk Make) {
	const hosts, threads = 3, 2
	c := Start(t, mk, hosts, nil)
	rounds := uint64(part(40))
	together(t, hosts*threads, func(part int) error {
		h := c.Hosts[part%hosts]
		to := (h.ID + 1) % hosts
		b := h.mailbox()
		ask := func(q wire.Message, want wire.Message, notices uint64) error {
			q.From, q.Reply = h.ID, b.ID()
			if err := b.Send(to, &q); err != nil {
				return err
			}
			var got wire.Message
			if err := b.Recv(wire.Any, &got, nil); err != nil {
				return err
			}
			if got.Type != want.Type || got.Obj != q.Obj || got.Version != want.Version || got.From != to || uint64(len(got.Notices)) != notices {
				return fmt.Errorf("%v was answered by %v of object %d, version %d, with %d notices", q.Type, got.Type, got.Obj, got.Version, len(got.Notices))
			}
			return nil
		}
		for i := range rounds {
			n := []uint64{0, 1, 5, 2000}[i%4]
			ended := []int{0, 1, 700, mostEnded}[i%4]
			list := make([]wire.Notice, ended)
			for k := range list {
				list[k] = wire.Notice{Page: wire.PageID(3 * k), Count: 2, Version: 7, Epoch: 1}
			}
			for _, err := range []error{
				ask(wire.Message{Type: wire.Atomic, Obj: 8 * i, Host: 9, Version: 1<<63 + i, Epoch: i}, wire.Message{Type: wire.AtomicDone, Version: 1<<63 + i + 1}, 0),
				ask(wire.Message{Type: wire.LockReq, Obj: i, Epoch: 1}, wire.Message{Type: wire.LockBusy}, 0),
				ask(wire.Message{Type: wire.RWAsk, Obj: n, Version: i, Epoch: 3}, wire.Message{Type: wire.RWGrant, Version: i + n}, n),
				ask(wire.Message{Type: wire.RWDone, Obj: i, Version: 7, Epoch: 1, Notices: list}, wire.Message{Type: wire.RWDone, Version: uint64(ended)}, 0),
			} {
				if err != nil {
					return fmt.Errorf("round %d: %w", i, err)
				}
			}
		}
		return nil
	})
}
