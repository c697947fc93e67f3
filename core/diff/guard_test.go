package diff

import (
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
)

// fenced returns memory of the given size that ends (or else begins) exactly
// at an inaccessible page: a kernel that touches a byte beyond dies.
func fenced(t *testing.T, size int, atEnd bool) []byte {
	unit := os.Getpagesize()
	inner := (size + unit - 1) / unit * unit
	m := mapped(t, inner+2*unit)
	for _, fence := range [][]byte{m[:unit], m[unit+inner:]} {
		if err := syscall.Mprotect(fence, syscall.PROT_NONE); err != nil {
			t.Fatalf("mprotect: %v", err)
		}
	}
	m = m[unit : unit+inner]
	if atEnd {
		return m[inner-size:]
	}
	return m[:size:size]
}

// TestNothingBeyondTheEnds runs every kernel on pages, twins, diffs and
// results that touch inaccessible memory.
func TestNothingBeyondTheEnds(t *testing.T) {
	forEachKernel(t, func(t *testing.T) {
		for _, size := range []int{64, 192, 4096, 4160} {
			for _, atEnd := range []bool{false, true} {
				t.Run(fmt.Sprint(size, atEnd), func(t *testing.T) {
					page, twin := fenced(t, size, atEnd), fenced(t, size, atEnd)
					dst := fenced(t, MaxEncoded(size), atEnd)
					stream := fenced(t, MaxRecord(size), atEnd)
					for i, p := range patterns {
						copied, original := randomPages(size, p, rand.New(rand.NewPCG(uint64(i), 0)))
						copy(page, copied)
						copy(twin, original)
						n, _ := Encode(dst, page, twin)
						d := fenced(t, n, atEnd)
						copy(d, dst)
						if err := Apply(twin, d); err != nil {
							t.Fatal(err)
						}
						copy(twin, original)
						EncodeBatch(stream, size, []Pair{{Page: address(page), Twin: address(twin)}})
					}
				})
			}
		}
	})
}
