package sim

// source is a small random source (splitmix64): runs must not depend on what a library makes of a seed.
type source uint64

func (s *source) next() uint64 {
	*s += 0x9e3779b97f4a7c15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// n returns a number from 0 to n-1.
func (s *source) n(n int) int { return int(s.next() >> 1 % uint64(n)) }

// between returns a number from lo to hi.
func (s *source) between(lo, hi int) int { return lo + s.n(hi-lo+1) }

// chance is true with the given probability in percent.
func (s *source) chance(percent int) bool { return s.n(100) < percent }

// pick draws an index with the given weights.
func (s *source) pick(weights ...int) int {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	x := s.n(sum)
	for i, w := range weights {
		if x < w {
			return i
		}
		x -= w
	}
	panic("unreachable")
}
