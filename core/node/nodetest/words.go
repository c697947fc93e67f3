package nodetest

import (
	"fmt"
	"testing"

	"jiajia/core"
	"jiajia/core/node"
	"jiajia/core/wire"
)

// RunWords checks a transport whose mailboxes are of type node.WordMailbox, as they need not be: the threads of all hosts, the home's
// own among them, add to words of one host, in a page that has a frame there and in one that has none.
func RunWords(t *testing.T, mk MakeDirect) {
	const hosts, threads, each = 3, 2, 2000
	f := startFar(t, mk, hosts, nil)
	f.fill(0, 5, 6)
	first := core.Atomic{Kind: core.AtomicFetchAdd, Width: 8, At: 5*PageSize + 64, Operand: 1}
	second := core.Atomic{Kind: core.AtomicFetchAdd, Width: 4, At: 6*PageSize + 4, Operand: 1}
	load := func(a core.Atomic) uint64 {
		a.Kind = core.AtomicLoad
		return node.Execute(f.mem[0].page(wire.PageID(a.At/PageSize)), &a)
	}
	before := load(first)
	together(t, hosts*threads, func(part int) error {
		h := f.Hosts[part%hosts]
		b := h.mailbox()
		for range each {
			for _, a := range []core.Atomic{first, second} {
				if h.ID == 0 {
					node.Execute(f.mem[0].page(wire.PageID(a.At/PageSize)), &a)
				} else if _, ok, err := b.(node.WordMailbox).Atomic(0, &a); !ok || err != nil {
					return fmt.Errorf("host %d: %v, %w", h.ID, ok, err)
				}
			}
		}
		return nil
	})
	if a, b := load(first)-before, load(second); a != hosts*threads*each || b != hosts*threads*each {
		t.Errorf("the words were counted up by %d and %d", a, b)
	}
	box := f.Hosts[1].mailbox().(node.WordMailbox)
	if _, ok, err := box.Atomic(0, &core.Atomic{Width: 8, At: directPages * PageSize}); ok || err != nil {
		t.Errorf("a word beyond the memory: %v, %v", ok, err)
	}
	if got := marked(t, f.Hosts[0]); len(got) > 0 {
		t.Errorf("operations on words have marked %v", got)
	}
}
