package pageset

import (
	"testing"

	"pgregory.net/rapid"
)

// TestAgainstMap: the set does what a map does.
func TestAgainstMap(t *testing.T) {
	const most = 3 * chunkPages
	rapid.Check(t, func(t *rapid.T) {
		var sets [2]Set
		maps := [2]map[uint64]bool{{}, {}}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			k := rapid.IntRange(0, 1).Draw(t, "set")
			s, m := &sets[k], maps[k]
			first := rapid.Uint64Range(0, most).Draw(t, "first")
			count := rapid.Uint64Range(0, rapid.SampledFrom([]uint64{1, 70, 1500}).Draw(t, "most")).Draw(t, "count")
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0, 1:
				s.Add(first, count)
				for p := first; p < first+count; p++ {
					m[p] = true
				}
			case 2:
				s.Remove(first, count)
				for p := first; p < first+count; p++ {
					delete(m, p)
				}
			case 3:
				s.Union(&sets[1-k])
				for p := range maps[1-k] {
					m[p] = true
				}
			case 4:
				got, n := s.Next(first, count+1)
				want, long := first, uint64(0)
				for want < 3*most && !m[want] {
					want++
				}
				for m[want+long] && long <= count {
					long++
				}
				if n != long || long > 0 && got != want {
					t.Fatalf("Next(%d, %d) is %d, %d; should be %d, %d", first, count+1, got, n, want, long)
				}
				at, end := first, first+count
				for at < end && !m[at] {
					at++
				}
				if in, k := s.Within(first, count); k > 0 != (at < end) || k > 0 && (in != at || k != min(long, end-at)) {
					t.Fatalf("Within(%d, %d) is %d, %d", first, count, in, k)
				}
				if n > 0 && s.Run(got, count+1) != long || s.Run(first, 1) == 1 != m[first] {
					t.Fatalf("Run(%d) is %d, Run(%d) is %d", got, s.Run(got, count+1), first, s.Run(first, 1))
				}
			}
			if s.Len() != uint64(len(m)) {
				t.Fatalf("%d pages, should be %d", s.Len(), len(m))
			}
			for p := range uint64(2 * most) {
				if s.Has(p) != m[p] {
					t.Fatalf("Has(%d) is %v", p, s.Has(p))
				}
			}
		}
	})
}
