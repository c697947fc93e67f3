package message

import (
	"encoding/binary"
	"fmt"
	"math"

	"jiajia/core/wire"
)

// What is a collective call: jia_bcast, or jia_reduce with its operation.
type What int64

// The operations have the numbers that jia.h gives them.
const (
	SumInt    What = 0
	MaxInt    What = 1
	MinInt    What = 2
	SumFloat  What = 10
	MaxFloat  What = 11
	MinFloat  What = 12
	SumDouble What = 20
	MaxDouble What = 21
	MinDouble What = 22

	// Bcast and what follows are no operations.
	Bcast What = 1 << 32
	// Gather and Spread are the two halves of jia_loadcheck.
	Gather What = 2 << 32
	Spread What = 3 << 32
)

func (w What) String() string {
	switch w {
	case Bcast:
		return "jia_bcast"
	case Gather, Spread:
		return "jia_loadcheck"
	}
	if w.Operand() == 0 {
		return fmt.Sprintf("jia_reduce with the unknown operation %d", int64(w))
	}
	return "jia_reduce with " + [...]string{"SUM", "MAX", "MIN"}[w%10] + "_" + [...]string{"INT", "FLOAT", "DOUBLE"}[w/10]
}

func (c Call) String() string {
	if c.What == Gather || c.What == Spread {
		return c.What.String()
	}
	return fmt.Sprintf("%v of %d bytes with root %d", c.What, c.Bytes, c.Root)
}

// Operand is the size in bytes of an operation's operands; 0 for what is no operation.
func (w What) Operand() int {
	switch w {
	case SumInt, MaxInt, MinInt, SumFloat, MaxFloat, MinFloat:
		return 4
	case SumDouble, MaxDouble, MinDouble, Gather:
		return 8
	}
	return 0
}

// Combine replaces each operand in acc by itself combined with the one in b, in this order. Both hold as many, in this
// machine's byte order. Sums of ints wrap around. Where one operand of MAX or MIN is not a number, the result is acc's.
func (w What) Combine(acc, b []byte) {
	ne := binary.NativeEndian
	switch w {
	case SumInt, MaxInt, MinInt:
		for i := 0; i+4 <= len(acc); i += 4 {
			x := choose(w, int32(ne.Uint32(acc[i:])), int32(ne.Uint32(b[i:])))
			ne.PutUint32(acc[i:], uint32(x))
		}
	case SumFloat, MaxFloat, MinFloat:
		for i := 0; i+4 <= len(acc); i += 4 {
			x := choose(w-SumFloat, math.Float32frombits(ne.Uint32(acc[i:])), math.Float32frombits(ne.Uint32(b[i:])))
			ne.PutUint32(acc[i:], math.Float32bits(x))
		}
	case SumDouble, MaxDouble, MinDouble:
		for i := 0; i+8 <= len(acc); i += 8 {
			x := choose(w-SumDouble, math.Float64frombits(ne.Uint64(acc[i:])), math.Float64frombits(ne.Uint64(b[i:])))
			ne.PutUint64(acc[i:], math.Float64bits(x))
		}
	case Gather: // each host has its own words, zero elsewhere
		for i := 0; i+8 <= len(acc); i += 8 {
			ne.PutUint64(acc[i:], ne.Uint64(acc[i:])|ne.Uint64(b[i:]))
		}
	}
}

// choose applies the operation of the three on ints.
func choose[T int32 | float32 | float64](w What, a, b T) T {
	switch {
	case w == SumInt:
		return a + b
	case w == MaxInt && b > a, w == MinInt && b < a:
		return b
	}
	return a
}

// Tree is a host's place in a binomial tree over all hosts, which are ranked from the root on. The subtrees of its children
// hold the ranks behind its own, one child's after the other's, so that a reduction combines operands in the order of ranks.
type Tree struct {
	Parent   wire.HostID   // -1 at the root
	Children []wire.HostID // the nearest first: the last has the largest subtree
}

// TreeOf returns self's place in the tree of a job with so many hosts.
func TreeOf(self, root wire.HostID, hosts int) Tree {
	t := Tree{Parent: -1}
	rank := (int(self) - int(root) + hosts) % hosts
	host := func(rank int) wire.HostID { return wire.HostID((rank + int(root)) % hosts) }
	for bit := 1; bit < hosts; bit *= 2 {
		if rank&bit != 0 {
			t.Parent = host(rank - bit)
			break
		}
		if rank+bit < hosts {
			t.Children = append(t.Children, host(rank+bit))
		}
	}
	return t
}
