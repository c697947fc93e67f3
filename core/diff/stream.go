package diff

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"unsafe"
)

// MaxRecord returns the most bytes that one page of pageSize bytes adds to a
// stream.
func MaxRecord(pageSize int) int {
	return recordBytes + MaxEncoded(pageSize)
}

// AppendRecord appends the diff of a page to the stream in dst and returns the
// extended stream. A page that equals its twin adds nothing. It allocates only
// if dst lacks room for MaxRecord(len(page)) bytes, and panics where [Encode]
// does.
func AppendRecord(dst []byte, number uint64, page, twin []byte) (stream []byte, changed bool) {
	dst = slices.Grow(dst, MaxRecord(len(page)))
	record := dst[len(dst):cap(dst)]
	n, changed := Encode(record[recordBytes:], page, twin)
	if !changed {
		return dst, false
	}
	binary.LittleEndian.PutUint64(record, number)
	binary.LittleEndian.PutUint64(record[wordBytes:], uint64(n)) // u32 length, u32 zero
	end := recordBytes + n
	clear(record[end : recordBytes+padded(n)])
	return dst[:len(dst)+recordBytes+padded(n)], true
}

// A Pair is one page of a batch. Page and Twin are addresses outside the Go
// heap, Page aligned to 8 bytes, each of as many bytes as a page has.
type Pair struct {
	Page, Twin uintptr
	Number     uint64
	DiffBytes  uint64 // set by EncodeBatch: length of the diff, 0 if the page equals its twin
}

// EncodeBatch writes a stream with the diffs of pages, in their order, to dst.
// It crosses into C once for all of them. It stops before a page whose diff
// might not fit, so dst must have MaxRecord(pageSize) bytes free at that point
// whatever the page's diff really takes. It returns the length of the stream
// and the number of pages compared, whose DiffBytes are valid; the caller goes
// on with pages[compared:].
//
// All of dst may be overwritten. Nobody else may use pages during the call.
func EncodeBatch(dst []byte, pageSize int, pages []Pair) (n, compared int) {
	mustBePageSize(pageSize)
	for i := range pages {
		if pages[i].Page%wordBytes != 0 {
			panic(fmt.Sprintf("diff: page %d at %#x is not aligned to 8 bytes", pages[i].Number, pages[i].Page))
		}
	}
	if len(dst) == 0 || len(pages) == 0 {
		return 0, 0
	}
	return encodeBatch(dst, pageSize, pages)
}

// ApplyAt applies a stream to the pages at base: page 0 begins there, page n
// n*pageSize bytes later, and only numbers below pages are accepted. It
// crosses into C once. It either returns an error and has written nothing, or
// all records have been applied in order. A page may occur more than once.
//
// The stream must not change during the call, see [Apply]. The error wraps one
// of this package's and names the page. It panics if base is not aligned to 8
// bytes.
func ApplyAt(base unsafe.Pointer, pageSize int, pages uint64, stream []byte) error {
	mustBeAligned((*byte)(base))
	r := NewReader(stream, pageSize, pages)
	for {
		_, _, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if len(stream) > 0 {
		applyStream(base, pageSize, stream)
	}
	return nil
}

// A Reader iterates over the records of a stream and checks them. The zero
// value is of no use; a Reader is not for several goroutines at once.
type Reader struct {
	rest     []byte
	pageSize int
	pages    uint64
}

// NewReader returns a Reader for a stream of diffs of pages of pageSize bytes,
// in which all page numbers are below pages.
func NewReader(stream []byte, pageSize int, pages uint64) Reader {
	mustBePageSize(pageSize)
	return Reader{rest: stream, pageSize: pageSize, pages: pages}
}

// Next returns the page number and the diff of the next record, io.EOF at the
// end of the stream, or what is wrong with the record, and then the same again
// at every call. The diff is part of the stream and passes [Apply].
func (r *Reader) Next() (number uint64, d []byte, err error) {
	if len(r.rest) == 0 {
		return 0, nil, io.EOF
	}
	if len(r.rest) < recordBytes {
		return 0, nil, fmt.Errorf("%w: header of %d bytes", ErrRecord, len(r.rest))
	}
	number = binary.LittleEndian.Uint64(r.rest)
	if number >= r.pages {
		return 0, nil, fmt.Errorf("%w: page %d of %d", ErrPageNumber, number, r.pages)
	}
	length, flags := binary.LittleEndian.Uint32(r.rest[8:]), binary.LittleEndian.Uint32(r.rest[12:])
	if flags != 0 {
		return 0, nil, fmt.Errorf("%w: page %d: flags %#x", ErrRecord, number, flags)
	}
	body := r.rest[recordBytes:]
	if uint64(length) > uint64(MaxEncoded(r.pageSize)) || padded(int(length)) > len(body) {
		return 0, nil, fmt.Errorf("%w: page %d: diff of %d bytes, %d left", ErrRecord, number, length, len(body))
	}
	d, padding := body[:length:length], body[length:padded(int(length))]
	for _, b := range padding {
		if b != 0 {
			return 0, nil, fmt.Errorf("%w: page %d: padding not zero", ErrRecord, number)
		}
	}
	if err := check(d, r.pageSize); err != nil {
		return 0, nil, fmt.Errorf("page %d: %w", number, err)
	}
	r.rest = body[padded(int(length)):]
	return number, d, nil
}

// padded rounds a length up to whole words.
func padded(bytes int) int {
	return (bytes + wordBytes - 1) &^ (wordBytes - 1)
}

// ApplyNext is [Apply] for a diff that [Reader.Next] has just returned, and which has therefore been checked, for a page of the
// reader's size: pages need not lie in one piece of memory, as [ApplyAt] wants them to.
func ApplyNext(page, d []byte) {
	mustBeAligned(unsafe.SliceData(page))
	apply(page, d)
}
