package diff

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestRuns applies diffs run by run, and counts the runs.
func TestRuns(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for _, size := range []int{BlockBytes, 4 * BlockBytes, SubPageBytes, 3*SubPageBytes + BlockBytes} {
		for round := range 200 {
			page, twin := make([]byte, size), make([]byte, size)
			for i := range page {
				page[i] = byte(rng.Uint32())
			}
			copy(twin, page)
			for range rng.IntN(20) {
				at := rng.IntN(size)
				for i := range page[at:min(size, at+1+rng.IntN(1+round*2))] {
					page[at+i] ^= 0x5a
				}
			}
			want := 0
			for i := range page {
				if page[i] != twin[i] && (i == 0 || page[i-1] == twin[i-1] || i%SubPageBytes == 0) {
					want++
				}
			}
			d := make([]byte, MaxEncoded(size))
			n, _ := Encode(d, page, twin)
			got := 0
			for run := FirstRun(d[:n]); run.Next(); got++ {
				if bytes.Equal(twin[run.Offset:][:len(run.Bytes)], run.Bytes) {
					t.Fatal("a run of bytes that have not changed")
				}
				copy(twin[run.Offset:], run.Bytes)
			}
			if got != want || !bytes.Equal(page, twin) {
				t.Fatalf("%d runs instead of %d, or other bytes, in a page of %d", got, want, size)
			}
		}
	}
}
