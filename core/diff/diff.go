// Package diff compares a page with its twin, byte-exact, and applies the
// result to another copy of the page.
//
// A twin is the copy of a page taken before the first write of an interval. A
// diff holds the bytes of the page that differ from the twin and no others, so
// that diffs of one page made by several hosts can be applied in any order as
// long as the hosts wrote different bytes.
//
// # Format
//
// All numbers are little-endian. A page is any multiple of [BlockBytes], cut
// into sub-pages of [SubPageBytes], the last of which may be shorter. Each
// sub-page is coded by itself:
//
//	u64     block map: bit i is set if block i (64 bytes) differs
//	u64...  for each set bit a byte mask, never 0: bit j is set if byte j differs
//	bytes   the changed bytes of all these blocks in ascending order
//
// A stream, the body of a message, is a sequence of records:
//
//	u64     page number
//	u32     length of the diff in bytes
//	u32     0
//	bytes   the diff
//	bytes   0 to 7 zeros, up to a multiple of 8
//
// # Writing to pages that others use
//
// Diffs are applied to pages that the home's own threads read and write in the
// meantime. In each aligned 8-byte word the changed bytes are written at once:
// by one store if a store of 1, 2, 4 or 8 bytes covers exactly these, else by a
// compare-and-swap of the word, or by a masked vector store of the block. A
// simultaneous write to a neighbouring byte is never lost, and whoever reads an
// aligned word without a lock sees none or all of what one diff changes in it.
// (For masked vector stores the latter is how processors behave, not what their
// manuals promise.)
//
// A page that is compared should not be written meanwhile, because it would be
// unclear what the diff contains. But each word of the page is read once, so
// that even then every byte in the diff differs from the twin.
//
// # Kernels
//
// The work is done in C, see [Kernel]. All checks are made in Go, before C sees
// anything. Functions may be called from any thread, do not block, and allocate
// only where they say so. C keeps no pointer after the call.
package diff

import (
	"errors"
	"fmt"
	"unsafe"
)

const (
	BlockBytes   = 64              // what one byte mask covers
	SubPageBytes = 64 * BlockBytes // what one block map covers
	MaxPageBytes = 1 << 30         // keeps the length of a diff in 32 bits
)

const (
	blocksPerMap = SubPageBytes / BlockBytes
	allBlocks    = ^uint64(0)    // the block map of a full sub-page with all blocks changed
	wordBytes    = 8             // unit of the format, and of pages that do not tear
	recordBytes  = 2 * wordBytes // header of a record in a stream
)

// What can be wrong with a diff or stream that a peer sent.
var (
	ErrTruncated  = errors.New("diff ends early")
	ErrTrailing   = errors.New("diff is followed by more bytes")
	ErrEmptyMask  = errors.New("diff lists a block without a changed byte")
	ErrBeyondPage = errors.New("diff lists a block beyond the end of the page")
	ErrRecord     = errors.New("malformed record in diff stream")
	ErrPageNumber = errors.New("page number out of range in diff stream")
)

// MaxEncoded returns the most bytes that the diff of one page of pageSize bytes
// can take. It panics if pageSize is not a multiple of [BlockBytes] between
// BlockBytes and [MaxPageBytes], as do all functions of this package.
//
// Pages must be aligned to 8 bytes, as is what make and mmap return.
func MaxEncoded(pageSize int) int {
	mustBePageSize(pageSize)
	return wordBytes*subPages(pageSize) + pageSize/8 + pageSize
}

// Encode writes the diff of page against twin to dst and returns its length. A
// page that equals its twin has a diff too, in which changed is false: it need
// not be sent.
//
// It panics if page and twin differ in length, if page is not aligned to 8
// bytes, or if dst is shorter than MaxEncoded(len(page)). All of these bytes of
// dst may be overwritten, not only those of the result. The three slices must
// not overlap.
func Encode(dst, page, twin []byte) (n int, changed bool) {
	if len(page) != len(twin) {
		panic(fmt.Sprintf("diff: page of %d bytes, twin of %d", len(page), len(twin)))
	}
	if need := MaxEncoded(len(page)); len(dst) < need {
		panic(fmt.Sprintf("diff: %d bytes for a diff that may take %d", len(dst), need))
	}
	mustBeAligned(unsafe.SliceData(page))
	n = encode(dst, page, twin)
	return n, n > wordBytes*subPages(len(page))
}

// Apply writes the changed bytes of diff d to page. It either returns an error
// and has written nothing, or d is exactly the diff of a page of this size.
//
// d must not change during the call: neither it nor page may lie in the
// other, and d must not be in memory that a peer can write. It panics if page
// is not aligned to 8 bytes.
func Apply(page, d []byte) error {
	mustBeAligned(unsafe.SliceData(page))
	if err := check(d, len(page)); err != nil {
		return err
	}
	apply(page, d)
	return nil
}

func subPages(pageSize int) int {
	return (pageSize + SubPageBytes - 1) / SubPageBytes
}

func mustBePageSize(pageSize int) {
	if pageSize < BlockBytes || pageSize > MaxPageBytes || pageSize%BlockBytes != 0 {
		panic(fmt.Sprintf("diff: page size %d is not a multiple of %d up to %d", pageSize, BlockBytes, MaxPageBytes))
	}
}

// mustBeAligned guards the promise that words do not tear.
func mustBeAligned(page *byte) {
	if address := uintptr(unsafe.Pointer(page)); address%wordBytes != 0 {
		panic(fmt.Sprintf("diff: page at %#x is not aligned to 8 bytes", address))
	}
}
