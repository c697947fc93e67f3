package node

import (
	"bytes"
	"testing"

	"jiajia/core"
)

func TestTwinsKeepEachPageAndAreReused(t *testing.T) {
	const pageSize, pages = 4096, 3*slabTwins + 1
	tw := twins{pageSize: pageSize}
	page := func(p int) []byte { return bytes.Repeat([]byte{byte(p), byte(p >> 8)}, pageSize/2) }
	for round := range 2 {
		for p := range pages {
			if err := tw.take(core.PageID(p), page(p+round)); err != nil {
				t.Fatal(err)
			}
		}
		for p := range pages {
			if !bytes.Equal(tw.of(core.PageID(p)), page(p+round)) {
				t.Fatalf("round %d: the twin of page %d is not what was taken", round, p)
			}
			tw.drop(core.PageID(p))
		}
		if free := len(tw.free); free != 4*slabTwins {
			t.Fatalf("round %d: %d twins in the slabs, want %d", round, free, 4*slabTwins)
		}
	}
}
