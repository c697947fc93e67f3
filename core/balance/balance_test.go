package balance

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// TestPartsCoverTheRange: one after the other, nothing twice, nothing left out, and in proportion.
func TestPartsCoverTheRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		begin := int64(rapid.Int32().Draw(t, "begin"))
		end := int64(rapid.Int32().Draw(t, "end"))
		w := rapid.SliceOfN(rapid.Uint64Range(1, Whole), 1, 40).Draw(t, "weights")
		var all, sum float64
		for _, x := range w {
			all += float64(x)
		}
		next := begin
		for i := range w {
			first, last := Part(begin, end, w, i)
			if first != next || last < first-1 {
				t.Fatalf("part %d is [%d, %d], not from %d", i, first, last, next)
			}
			next = last + 1
			n := float64(max(0, end-begin+1))
			if want := n * float64(w[i]) / all; math.Abs(float64(last-first+1)-want) > 1+1e-6*n {
				t.Fatalf("part %d has %d of %g", i, last-first+1, want)
			}
			sum += float64(last - first + 1)
		}
		if next != max(begin, end+1) {
			t.Fatalf("the parts of [%d, %d] end before %d", begin, end, next)
		}
	})
}

func TestEqualPartsDifferByOneAtMost(t *testing.T) {
	for hosts := 1; hosts <= 33; hosts++ {
		for n := int64(0); n < 100; n++ {
			least, most := int64(math.MaxInt64), int64(0)
			for i := range hosts {
				first, last := Part(-7, n-8, Equal(hosts), i)
				least, most = min(least, last-first+1), max(most, last-first+1)
			}
			if most-least > 1 {
				t.Fatalf("%d subscripts on %d hosts: parts of %d to %d", n, hosts, least, most)
			}
		}
	}
}

// TestAdjustConverges: with constant speeds the hosts soon compute for the same time.
func TestAdjustConverges(t *testing.T) {
	speeds := []float64{1, 4, 2, 0.5}
	w := Equal(len(speeds))
	for range 12 {
		m := make([]Measure, len(speeds))
		for i, s := range speeds {
			first, last := Part(0, 999_999, w, i)
			units := uint64(last - first + 1)
			m[i] = Measure{Units: units, Nanos: uint64(1000 * float64(units) / s)}
		}
		w = Adjust(w, m)
	}
	for i, s := range speeds {
		if got, want := float64(w[i])/Whole, s/7.5; math.Abs(got-want) > 0.01 {
			t.Errorf("host %d has a share of %.3f, not %.3f", i, got, want)
		}
	}
}

func TestAdjustLeavesWhatItDoesNotKnow(t *testing.T) {
	old := []uint64{Whole / 2, Whole / 4, Whole / 4}
	if w := Adjust(old, make([]Measure, 3)); w[0] != old[0] || w[1] != old[1] || w[2] != old[2] {
		t.Errorf("nothing was measured, and %v became %v", old, w)
	}
	w := Adjust(old, []Measure{{Units: 10, Nanos: 10}, {Units: 5, Nanos: 10}, {Nanos: 10}})
	if w[0] != old[0] || w[1] != old[1] || w[2] != old[2] {
		t.Errorf("the hosts were as fast as their weights, and %v became %v", old, w)
	}
}

// TestAdjustIsBounded: no measure, however odd, leaves a host without work for ever.
func TestAdjustIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := Equal(rapid.IntRange(1, 20).Draw(t, "hosts"))
		for range 10 {
			m := make([]Measure, len(w))
			for i := range m {
				m[i] = Measure{rapid.Uint64().Draw(t, "units"), rapid.Uint64().Draw(t, "nanos")}
			}
			w = Adjust(w, m)
			var all uint64
			for _, x := range w {
				if x < Whole/uint64(len(w))/64 {
					t.Fatalf("weight %d of %v", x, w)
				}
				all += x
			}
			if all > 2*Whole {
				t.Fatalf("the weights %v are %d in all", w, all)
			}
		}
	})
}
