package diff

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
)

// someRelease returns pages of random patterns with their twins, in one
// mapping each, as a release of a scope finds them.
func someRelease(t *testing.T, pageSize, count int) (pages, twins []byte, pairs []Pair) {
	r := rand.New(rand.NewPCG(uint64(pageSize), uint64(count)))
	pages, twins = mapped(t, pageSize*count), mapped(t, pageSize*count)
	for i := range count {
		page, twin := randomPages(pageSize, patterns[i%len(patterns)], r)
		at := i * pageSize
		copy(pages[at:], page)
		copy(twins[at:], twin)
		pairs = append(pairs, Pair{Page: address(pages[at:]), Twin: address(twins[at:]), Number: uint64(i)})
	}
	return pages, twins, pairs
}

// TestStream sends a release as batches and as single records, which must give
// the same bytes, and applies it to the twins.
func TestStream(t *testing.T) {
	forEachKernel(t, func(t *testing.T) {
		for _, pageSize := range []int{64, 4096, 4160, 16384} {
			const count = 60
			pages, twins, pairs := someRelease(t, pageSize, count)

			var single []byte
			for i := range count {
				before := len(single)
				var changed bool
				page, twin := pages[i*pageSize:][:pageSize], twins[i*pageSize:][:pageSize]
				single, changed = AppendRecord(single, uint64(i), page, twin)
				if changed != !bytes.Equal(page, twin) || changed != (len(single) > before) {
					t.Fatalf("page %d: changed %t, %d bytes added", i, changed, len(single)-before)
				}
			}

			var batched []byte
			dst := make([]byte, 3*MaxRecord(pageSize)) // several batches
			for rest := pairs; len(rest) > 0; {
				n, compared := EncodeBatch(dst, pageSize, rest)
				if compared == 0 {
					t.Fatal("no progress")
				}
				batched = append(batched, dst[:n]...)
				rest = rest[compared:]
			}
			if !bytes.Equal(batched, single) {
				t.Fatalf("%d-byte pages: batches and single records differ", pageSize)
			}

			for _, pair := range pairs {
				at := int(pair.Number) * pageSize
				d := naiveEncode(pages[at:at+pageSize], twins[at:at+pageSize])
				want := uint64(len(d))
				if bytes.Equal(pages[at:at+pageSize], twins[at:at+pageSize]) {
					want = 0
				}
				if pair.DiffBytes != want {
					t.Errorf("page %d: DiffBytes %d, want %d", pair.Number, pair.DiffBytes, want)
				}
			}

			if err := ApplyAt(pointer(twins), pageSize, count, batched); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(twins, pages) {
				t.Errorf("%d-byte pages: the twins did not become the pages", pageSize)
			}
		}
	})
}

func TestEncodeBatchStopsWhereThePageMightNotFit(t *testing.T) {
	const size = 64
	memory := mapped(t, 3*size)
	memory[0], memory[size] = 1, 1
	pairs := []Pair{
		{Page: address(memory), Twin: address(memory[2*size:]), Number: 5},
		{Page: address(memory[size:]), Twin: address(memory[2*size:]), Number: 6},
	}
	one := recordBytes + 8 + 8 + 8 // one byte, padded
	for _, tt := range []struct{ room, wantBytes, wantPages int }{
		{0, 0, 0},
		{MaxRecord(size) - 1, 0, 0},
		{MaxRecord(size), one, 1},
		{one + MaxRecord(size) - 1, one, 1},
		{one + MaxRecord(size), 2 * one, 2},
	} {
		n, compared := EncodeBatch(make([]byte, tt.room), size, pairs)
		if n != tt.wantBytes || compared != tt.wantPages {
			t.Errorf("room for %d: %d bytes, %d pages; want %d, %d", tt.room, n, compared, tt.wantBytes, tt.wantPages)
		}
	}
	if n, compared := EncodeBatch(make([]byte, 1000), size, nil); n != 0 || compared != 0 {
		t.Errorf("no pages: %d bytes, %d pages", n, compared)
	}
}

func TestAppendRecordKeepsWhatIsThere(t *testing.T) {
	page := slices.Repeat([]byte{1}, 64)
	stream, changed := AppendRecord([]byte("12345678"), 3, page, make([]byte, 64))
	if !changed || string(stream[:8]) != "12345678" {
		t.Fatalf("changed %t, stream %x", changed, stream)
	}
	r := NewReader(stream[8:], 64, 4)
	number, d, err := r.Next()
	if number != 3 || err != nil || !bytes.Equal(d, naiveEncode(page, make([]byte, 64))) {
		t.Errorf("page %d, diff %x, error %v", number, d, err)
	}
	if _, _, err := r.Next(); err != io.EOF {
		t.Errorf("then error %v, want EOF", err)
	}
}

// record builds a record with a header that may lie.
func record(number, lengthAndFlags uint64, body []byte) []byte {
	return append(words(number, lengthAndFlags), body...)
}

func TestReaderRefuses(t *testing.T) {
	good := record(1, 17, append(words(1, 1), 'x', 0, 0, 0, 0, 0, 0, 0))
	unpadded := slices.Clone(good)
	unpadded[len(unpadded)-1] = 1
	for _, tt := range []struct {
		name   string
		stream []byte
		want   error
	}{
		{"half a header", good[:12], ErrRecord},
		{"a header alone", good[:16], ErrRecord},
		{"padding cut off", good[:len(good)-1], ErrRecord},
		{"padding not zero", unpadded, ErrRecord},
		{"flags set", record(1, 17|1<<32, good[16:]), ErrRecord},
		{"a length of 4 GiB", record(1, 1<<32-1, good[16:]), ErrRecord},
		{"a length that wraps when padded", record(1, 1<<32-7, good[16:]), ErrRecord},
		{"a length above that of any diff", record(1, uint64(MaxEncoded(64))+1, make([]byte, 200)), ErrRecord},
		{"a length of nothing", record(1, 0, nil), ErrTruncated},
		{"a diff shorter than its length", record(1, 24, good[16:]), ErrTrailing},
		{"a diff longer than its length", record(1, 16, good[16:]), ErrTruncated},
		{"an empty mask", record(1, 16, words(1, 0)), ErrEmptyMask},
		{"a page number just too large", record(2, 17, good[16:]), ErrPageNumber},
		{"a page number that wraps", record(1<<63, 17, good[16:]), ErrPageNumber},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, stream := range [][]byte{tt.stream, slices.Concat(good, tt.stream)} {
				r := NewReader(stream, 64, 2)
				var err error
				for err == nil {
					_, _, err = r.Next()
				}
				if !errors.Is(err, tt.want) {
					t.Errorf("error %v, want %v", err, tt.want)
				}
				if _, _, again := r.Next(); again == nil || again.Error() != err.Error() {
					t.Errorf("error %v, then %v", err, again)
				}

				pages := make([]byte, 128)
				if err := ApplyAt(pointer(pages), 64, 2, stream); !errors.Is(err, tt.want) {
					t.Errorf("ApplyAt: error %v, want %v", err, tt.want)
				}
				if slices.Max(pages) != 0 {
					t.Error("ApplyAt wrote a page before it refused the stream")
				}
			}
		})
	}
}
