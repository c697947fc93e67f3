package core

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"jiajia/core/wire"
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

// TestLatest: what an offer carries is what a grant would, for hosts that have seen enough; and with room for all, nobody needs to
// have seen anything.
func TestLatest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var list noticeList
		version, epoch := uint64(0), uint64(0)
		for range rapid.IntRange(0, 100).Draw(t, "steps") {
			epoch += rapid.Uint64Range(0, 10).Draw(t, "barrier") / 10
			version++
			first := rapid.Uint64Range(0, 60).Draw(t, "page")
			for p := range rapid.Uint64Range(0, 4).Draw(t, "pages") {
				list.add(PageID(first+p), version, epoch)
			}
		}
		room := rapid.IntRange(0, 40).Draw(t, "room")
		since, offered := list.latest(nil, room, epoch)
		all := list.newer(0, epoch)
		if len(offered) > room || len(all) <= room && since > 0 && len(list.items) <= mostOffered {
			t.Fatalf("%d notices above version %d, where there are %d and room for %d", len(offered), since, len(all), room)
		}
		for seen := since; seen <= version; seen++ {
			got := slices.DeleteFunc(slices.Clone(offered), func(n wire.Notice) bool { return n.Version <= seen })
			if want := list.newer(seen, epoch); !sameNotices(got, want) {
				t.Fatalf("who has seen %d gets %v, should get %v", seen, got, want)
			}
		}
	})
}

// sameNotices compares the pages of notices one by one, those of one version in any order.
func sameNotices(a, b []wire.Notice) bool {
	return slices.Equal(eachPage(a), eachPage(b)) && slices.IsSortedFunc(a, func(x, y wire.Notice) int { return int(x.Version) - int(y.Version) })
}

func eachPage(list []wire.Notice) (each []notice) {
	for _, n := range list {
		for p := range n.Count {
			each = append(each, notice{n.Page + PageID(p), n.Version, n.Epoch})
		}
	}
	slices.SortFunc(each, func(x, y notice) int { return int(x.page) - int(y.page) })
	return each
}
