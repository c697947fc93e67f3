// Package balance divides a range of work among hosts by their speed. It computes and nothing else: who measures, exchanges
// and asks is package node.
package balance

import (
	"math"
	"math/bits"
)

// Whole is what the weights of all hosts add up to, about.
const Whole = 1 << 30

// Equal returns the weights of hosts that are equally fast.
func Equal(hosts int) []uint64 {
	w := make([]uint64, hosts)
	for i := range w {
		w[i] = Whole / uint64(hosts)
	}
	return w
}

// Part returns self's part [first, last] of the range [begin, end], both inclusive: the parts of all hosts follow each other
// in order and cover the range exactly, and their sizes are as the weights, to within one. An empty part has
// last = first - 1. The same weights give the same parts on every machine. begin and end must fit in 32 bits.
func Part(begin, end int64, weights []uint64, self int) (first, last int64) {
	n := uint64(max(0, end-begin+1))
	var all, before uint64
	for i, w := range weights {
		if i < self {
			before += w
		}
		all += w
	}
	// cut is where a host's part begins when those before it weigh w in all; rounding down keeps it within one of the
	// exact place.
	cut := func(w uint64) int64 {
		hi, lo := bits.Mul64(n, w)
		q, _ := bits.Div64(hi, lo, all)
		return int64(q)
	}
	return begin + cut(before), begin + cut(before+weights[self]) - 1
}

// A Measure is what one host did in an interval.
type Measure struct {
	Units uint64 // subscripts that it was given
	Nanos uint64 // time that it computed
}

// smallest is the least weight that a host can get, as a part of an equal share: a host that was slow for a while is given
// enough to be seen to have recovered.
const smallest = 1.0 / 16

// Adjust returns new weights: half way from the old ones to those that would have made all hosts compute for the same
// time. A host without units or time keeps its weight.
func Adjust(old []uint64, m []Measure) []uint64 {
	speed := make([]float64, len(old)) // 0: not known
	var speeds, share float64          // of the hosts whose speed is known
	for i := range old {
		if m[i].Units > 0 && m[i].Nanos > 0 {
			speed[i] = float64(m[i].Units) / float64(m[i].Nanos)
			speeds += speed[i]
			share += float64(old[i])
		}
	}
	w := make([]float64, len(old))
	var sum float64
	for i := range old {
		if w[i] = float64(old[i]); speed[i] > 0 {
			w[i] = (w[i] + share*speed[i]/speeds) / 2
		}
		w[i] = max(w[i], smallest*Whole/float64(len(old)))
		sum += w[i]
	}
	weights := make([]uint64, len(old))
	for i := range w {
		weights[i] = max(1, uint64(math.Round(w[i]*Whole/sum)))
	}
	return weights
}
