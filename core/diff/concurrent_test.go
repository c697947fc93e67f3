package diff

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"
)

// These tests let two goroutines use one page at the same time, as the home's
// own threads and an arriving diff do. The page is outside the Go heap, where
// the race detector does not look. Each comes with a planted bug that the same
// check has to find, or it would prove nothing.

// Each call into C does so many applications or comparisons of one page, or
// the other thread would mostly meet Go.
const perCall = 64

// calls is enough for a kernel with a mistake to be found nearly always.
const calls = 1000

// canaryTimeout bounds the search for a planted bug on a loaded machine.
const canaryTimeout = 30 * time.Second

// mergeBytewise and mergeWhole are the two mistakes one can make in a word.
func mergeBytewise(page, d []byte) { // a reader sees half of a change
	for i := range d {
		store := &page[i] // byte by byte, on purpose: copy would take whole words
		*store = d[i]
	}
}

func mergeWhole(page []byte, mask, value uint64) { // loses what others write meanwhile
	word := (*uint64)(pointer(page))
	*word = *word&^mask | value
}

// TestNeighboursSurvive has a thread of the home write all bytes of a block
// that arriving diffs do not.
func TestNeighboursSurvive(t *testing.T) {
	if runtime.NumCPU() < 2 {
		t.Skip("needs two processors")
	}
	masks := map[string]uint64{
		"every second byte": 0x5555_5555_5555_5555,
		"one byte of each":  0x0101_0101_0101_0101,
		"half words":        0x0f0f_f0f0_0f0f_f0f0,
		"pairs":             0x0330_c00c_3003_0cc0,
		"all but one":       0x7f7f_fefe_efef_f7f7,
		"whole words":       0x00ff_00ff_ff00_ff00,
	}
	forEachKernel(t, func(t *testing.T) {
		for name, mask := range masks {
			t.Run(name, func(t *testing.T) {
				page := mapped(t, SubPageBytes)[:BlockBytes]
				stream := repeated(blockDiff(mask, 0xaa))
				if lost := neighboursLost(page, mask, calls, time.Time{}, func() {
					if err := ApplyAt(pointer(page), BlockBytes, 1, stream); err != nil {
						t.Error(err)
					}
				}); lost != "" {
					t.Error(lost)
				}
			})
		}
	})
	t.Run("planted read-modify-write", func(t *testing.T) {
		page := mapped(t, SubPageBytes)[:BlockBytes]
		const mask = 0x01 // one byte of the first word
		if lost := neighboursLost(page, mask, 1<<62, time.Now().Add(canaryTimeout), func() {
			mergeWhole(page, 0xff, 0xaa)
		}); lost == "" {
			t.Error("not found")
		}
	})
}

// repeated returns a stream that applies the given diffs to page 0 in turn,
// perCall times in all.
func repeated(diffs ...[]byte) (stream []byte) {
	for i := range perCall {
		d := diffs[i%len(diffs)]
		stream = append(stream, record(0, uint64(len(d)), d)...)
		stream = append(stream, make([]byte, padded(len(d))-len(d))...)
	}
	return stream
}

// blockDiff returns the diff of a 64-byte page in which the bytes of mask have
// become value.
func blockDiff(mask uint64, value byte) []byte {
	var page, twin [BlockBytes]byte
	for i := range page {
		if mask>>i&1 == 1 {
			page[i], twin[i] = value, ^value
		}
	}
	return naiveEncode(page[:], twin[:])
}

// neighboursLost calls apply for some rounds, or until the deadline if there
// is one, while another goroutine writes the bytes of the block that are not in
// mask, and before each write looks whether its last one is still there.
func neighboursLost(block []byte, mask uint64, rounds int, deadline time.Time, apply func()) (lost string) {
	var own []int
	for i := range block {
		if mask>>i&1 == 0 {
			own = append(own, i)
		}
	}
	var stop atomic.Bool
	var writer sync.WaitGroup
	writer.Go(func() {
		defer stop.Store(true)
		for v := byte(1); !stop.Load(); v++ {
			for _, i := range own {
				if got := block[i]; got != v-1 {
					lost = fmt.Sprintf("byte %d is %#x, its only writer wrote %#x", i, got, v-1)
					return
				}
				block[i] = v
			}
		}
	})
	for i := 0; i < rounds && !stop.Load(); i++ {
		apply()
		if i%64 == 0 && !deadline.IsZero() && time.Now().After(deadline) {
			break
		}
	}
	stop.Store(true)
	writer.Wait()
	return lost
}

// TestWordsDoNotTear reads words without a lock while two diffs alternate
// between two values of each: a reader may see either, never a mixture.
func TestWordsDoNotTear(t *testing.T) {
	if runtime.NumCPU() < 2 {
		t.Skip("needs two processors")
	}
	r := rand.New(rand.NewPCG(11, 11))
	forEachKernel(t, func(t *testing.T) {
		for _, p := range []pattern{patterns[2], patterns[3], density("random bytes", 128), density("most bytes", 230)} {
			t.Run(p.name, func(t *testing.T) {
				page := mapped(t, SubPageBytes)[:4*BlockBytes]
				one, two := randomPages(len(page), p, r)
				stream := repeated(naiveEncode(one, two), naiveEncode(two, one))
				copy(page, two)
				if torn := wordsTorn(page, one, two, calls, time.Time{}, func(int) {
					if err := ApplyAt(pointer(page), len(page), 1, stream); err != nil {
						t.Error(err)
					}
				}); torn != "" {
					t.Error(torn)
				}
			})
		}
	})
	t.Run("planted byte stores", func(t *testing.T) {
		page := mapped(t, SubPageBytes)[:BlockBytes]
		one, two := slices.Repeat([]byte{1}, BlockBytes), slices.Repeat([]byte{2}, BlockBytes)
		copy(page, two)
		if torn := wordsTorn(page, one, two, 1<<62, time.Now().Add(canaryTimeout), func(i int) {
			mergeBytewise(page, [][]byte{one, two}[i%2])
		}); torn == "" {
			t.Error("not found")
		}
	})
}

// wordsTorn calls apply for some rounds, or until the deadline if there is
// one, while another goroutine reads each word of the page.
func wordsTorn(page, one, two []byte, rounds int, deadline time.Time, apply func(i int)) (torn string) {
	var stop atomic.Bool
	var reader sync.WaitGroup
	reader.Go(func() {
		defer stop.Store(true)
		for !stop.Load() {
			for at := 0; at < len(page); at += 8 {
				got := atomic.LoadUint64((*uint64)(unsafe.Pointer(&page[at])))
				a, b := binary.LittleEndian.Uint64(one[at:]), binary.LittleEndian.Uint64(two[at:])
				if got != a && got != b {
					torn = fmt.Sprintf("word at %d is %#x, neither %#x nor %#x", at, got, a, b)
					return
				}
			}
		}
	})
	for i := 0; i < rounds && !stop.Load(); i++ {
		apply(i)
		if i%64 == 0 && !deadline.IsZero() && time.Now().After(deadline) {
			break
		}
	}
	stop.Store(true)
	reader.Wait()
	return torn
}

// TestMaskAndBytesComeFromOneRead compares a page that is being written, which
// the rest of the system never does, and demands that each byte in the diff
// differs from the twin.
func TestMaskAndBytesComeFromOneRead(t *testing.T) {
	if runtime.NumCPU() < 2 {
		t.Skip("needs two processors")
	}
	forEachKernel(t, func(t *testing.T) {
		const size = 8 * BlockBytes
		page, twin := mapped(t, SubPageBytes)[:size], mapped(t, SubPageBytes)[:size]
		pairs := slices.Repeat([]Pair{{Page: address(page), Twin: address(twin)}}, perCall)
		dst := make([]byte, perCall*MaxRecord(size))
		var stop atomic.Bool
		var writer sync.WaitGroup
		writer.Go(func() {
			for v := ^uint64(0); !stop.Load(); v = ^v {
				for at := 0; at < size; at += wordBytes {
					*(*uint64)(unsafe.Pointer(&page[at])) = v
				}
			}
		})
		defer func() {
			stop.Store(true)
			writer.Wait()
		}()
		for range 2 * calls {
			n, _ := EncodeBatch(dst, size, pairs)
			r := NewReader(dst[:n], size, 1)
			_, d, err := r.Next()
			for ; err == nil; _, d, err = r.Next() {
				blocks := bits.OnesCount64(binary.LittleEndian.Uint64(d))
				if bytes.IndexByte(d[wordBytes+wordBytes*blocks:], 0) >= 0 {
					t.Fatalf("the diff %x holds a byte that equals the twin", d)
				}
			}
			if err != io.EOF {
				t.Fatalf("the stream is not valid: %v", err)
			}
		}
	})
}
