package node

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"testing"

	"jiajia/core"
)

func kinds() []core.AtomicKind {
	return []core.AtomicKind{core.AtomicLoad, core.AtomicStore, core.AtomicFetchAdd, core.AtomicExchange, core.AtomicCompareExchange}
}

// TestExecuteDoesWhatTheMachineSays: what an operation leaves is what the machine, which sees no bytes, takes it to leave; and no
// other byte changes.
func TestExecuteDoesWhatTheMachineSays(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	frame := make([]byte, 4096)
	le := binary.LittleEndian
	for range 20_000 {
		a := core.Atomic{Kind: kinds()[rng.IntN(5)], Width: 4 + 4*uint64(rng.IntN(2)), Operand: rng.Uint64N(3) - 1, Compare: rng.Uint64N(3)}
		offset := rng.Uint64N(4096/a.Width) * a.Width
		a.At = 4096*rng.Uint64N(9) + offset
		want := append([]byte(nil), frame...)
		var old, now uint64
		if a.Width == 4 {
			a.Operand, a.Compare = uint64(uint32(a.Operand)), uint64(uint32(a.Compare))
			old = uint64(le.Uint32(frame[offset:]))
			now, _ = a.After(old)
			le.PutUint32(want[offset:], uint32(now))
		} else {
			old = le.Uint64(frame[offset:])
			now, _ = a.After(old)
			le.PutUint64(want[offset:], now)
		}
		if got := Execute(frame, &a); got != old || string(frame) != string(want) {
			t.Fatalf("%+v on %#x: returned %#x, and the word should be %#x", a, old, got, now)
		}
	}
}

// TestExecuteIsAtomic: threads that add to one word, by adding and by comparing and exchanging, lose nothing.
func TestExecuteIsAtomic(t *testing.T) {
	const threads, each = 4, 5000
	frame := make([]byte, 4096)
	var all sync.WaitGroup
	for _, width := range []uint64{4, 8} {
		at := 8 * width
		for range threads {
			all.Go(func() {
				for range each {
					Execute(frame, &core.Atomic{Kind: core.AtomicFetchAdd, Width: width, At: at, Operand: 1})
					for {
						old := Execute(frame, &core.Atomic{Kind: core.AtomicLoad, Width: width, At: at})
						if Execute(frame, &core.Atomic{Kind: core.AtomicCompareExchange, Width: width, At: at, Operand: old + 1, Compare: old}) == old {
							break
						}
					}
				}
			})
		}
		all.Wait()
		if sum := Execute(frame, &core.Atomic{Kind: core.AtomicLoad, Width: width, At: at}); sum != 2*threads*each {
			t.Errorf("%d bytes wide, the sum is %d, not %d", width, sum, 2*threads*each)
		}
	}
}
