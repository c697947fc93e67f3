package core

import (
	"testing"

	"pgregory.net/rapid"
)

// TestNoticeListAgainstAMap holds the list to the obvious: a map from pages to their newest notice.
func TestNoticeListAgainstAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var list noticeList
		model := map[PageID]notice{}
		version, epoch := uint64(0), uint64(0)
		for range rapid.IntRange(0, 300).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0:
				epoch++ // a barrier: notices from before it may go
			case 1:
				seen := rapid.Uint64Range(0, version).Draw(t, "seen")
				want := map[PageID]notice{}
				for p, n := range model {
					if n.version > seen && n.epoch >= epoch {
						want[p] = n
					}
				}
				got := 0
				for _, r := range list.newer(seen, epoch) {
					for p := r.Page; p < r.Page+PageID(r.Count); p++ {
						if want[p] != (notice{p, r.Version, r.Epoch}) {
							t.Fatalf("newer(%d): page %d is %+v, want %+v", seen, p, r, want[p])
						}
						got++
					}
				}
				if got != len(want) {
					t.Fatalf("newer(%d) names %d pages, want %d", seen, got, len(want))
				}
			default:
				version++
				for range rapid.IntRange(1, 4).Draw(t, "pages") {
					p := PageID(rapid.IntRange(0, 60).Draw(t, "page"))
					list.add(p, version, epoch)
					model[p] = notice{p, version, epoch}
				}
			}
			if live, most := len(model), 4*(len(model)+2*indexLength); len(list.items) > most {
				t.Fatalf("%d items for %d pages", len(list.items), live)
			}
		}
	})
}
