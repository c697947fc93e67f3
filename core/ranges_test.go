package core

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"jiajia/core/wire"
)

// writers draws who wrote which of the first 40 pages: nobody (-2), one host, or Many.
func writers(t *rapid.T, name string) []HostID {
	return rapid.SliceOfN(rapid.SampledFrom([]HostID{-2, -2, 0, 1, 2, wire.Many}), 40, 40).Draw(t, name)
}

func toRanges(by []HostID) (list []wire.Range) {
	for p, w := range by {
		if w != -2 {
			list = appendRun(list, PageID(p), 1, w)
		}
	}
	return list
}

func TestMergedRangesSayForEachPageWhoWroteIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := writers(t, "a"), writers(t, "b")
		want := make([]HostID, len(a))
		for p := range want {
			switch {
			case a[p] == -2:
				want[p] = b[p]
			case b[p] == -2:
				want[p] = a[p]
			default:
				want[p] = wire.Many
			}
		}
		if diff := cmp.Diff(toRanges(want), mergeRanges(nil, toRanges(a), toRanges(b))); diff != "" {
			t.Fatalf("merged ranges (-want +got):\n%s", diff)
		}
	})
}
