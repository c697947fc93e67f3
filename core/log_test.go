package core

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestLogKeepsWhatOpenScopesAskFor compares the write log, compaction included, with one that keeps everything.
func TestLogKeepsWhatOpenScopesAskFor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := New(Config{Self: 0, Hosts: 2, Pages: 100, PageSize: 64})
		var all []PageID // all[i] has number i+1
		for range rapid.IntRange(1, 400).Draw(t, "steps") {
			switch rapid.IntRange(0, 11).Draw(t, "step") {
			case 0:
				m.open = append(m.open, &lock{mark: m.log.seq})
			case 1:
				if len(m.open) > 0 {
					i := rapid.IntRange(0, len(m.open)-1).Draw(t, "scope")
					m.open = slices.Delete(m.open, i, i+1)
				}
			case 2:
				m.bar.mark = m.log.seq
			case 3:
				m.compactLog()
			default:
				p := PageID(rapid.IntRange(0, 20).Draw(t, "page"))
				m.logPage(p)
				all = append(all, p)
			}
			marks := []uint64{m.bar.mark}
			for _, l := range m.open {
				marks = append(marks, l.mark)
			}
			for _, mark := range marks {
				want := slices.Clone(all[mark:])
				slices.Sort(want)
				want = slices.Compact(want)
				if got := m.loggedSince(mark); !slices.Equal(got, want) {
					t.Fatalf("pages since %d: %v, want %v", mark, got, want)
				}
			}
		}
	})
}

func TestLogOfALongScopeIsBoundedByItsPages(t *testing.T) {
	m := New(Config{Self: 0, Hosts: 2, Pages: 100, PageSize: 64})
	for i := range 1_000_000 {
		m.logPage(PageID(i % 50))
	}
	if n := len(m.log.entries); n > 2*50+2*logSlack {
		t.Fatalf("%d entries for 50 pages", n)
	}
}
