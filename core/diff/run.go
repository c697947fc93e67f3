package diff

import (
	"encoding/binary"
	"math/bits"
)

// A Run is an iterator over the runs of changed bytes in a diff:
//
//	for run := diff.FirstRun(d); run.Next(); {
//		copy(page[run.Offset:], run.Bytes)
//	}
//
// Runs are ascending and no two of them adjoin, but for those on both sides of a sub-page's end.
type Run struct {
	Offset int    // in the page
	Bytes  []byte // that it has now, part of the diff

	d      []byte // from the sub-page after the current one on
	next   int    // offset in the page of that sub-page
	base   int    // offset of the current sub-page
	blocks uint64 // of its block map, those not begun
	masks  []byte // of these
	data   []byte // what is left of the bytes
	block  int    // offset of the current block in the sub-page
	mask   uint64 // what is left of its mask
}

// FirstRun returns an iterator before the first run of a diff that [Reader.Next] has returned.
func FirstRun(d []byte) Run { return Run{d: d} }

// Next goes to the next run; it returns false when there is none.
func (r *Run) Next() bool {
	for r.mask == 0 {
		if !r.nextBlock() {
			return false
		}
	}
	first := bits.TrailingZeros64(r.mask)
	r.Offset = r.base + r.block + first
	length := r.cut(first)
	for end := r.Offset + length; end%BlockBytes == 0 && r.mask == 0 && r.blocks != 0; end = r.Offset + length {
		// The run reaches the end of its block: it may go on in the next one.
		next := r.base + bits.TrailingZeros64(r.blocks)*BlockBytes
		if next != end || r.masks[0]&1 == 0 {
			break
		}
		r.nextBlock()
		length += r.cut(0)
	}
	r.Bytes, r.data = r.data[:length:length], r.data[length:]
	return true
}

// cut takes the run at a bit out of the mask, and returns its length.
func (r *Run) cut(first int) int {
	n := bits.TrailingZeros64(^(r.mask >> first))
	if first+n == BlockBytes {
		r.mask = 0
		return n
	}
	r.mask &^= 1<<(first+n) - 1
	return n
}

// nextBlock goes to the next block that has changed, if need be in another sub-page.
func (r *Run) nextBlock() bool {
	for r.blocks == 0 {
		if len(r.d) == 0 {
			return false
		}
		r.base, r.next = r.next, r.next+SubPageBytes
		r.blocks = binary.LittleEndian.Uint64(r.d)
		masks := wordBytes * bits.OnesCount64(r.blocks)
		bytes := 0
		for m := r.d[wordBytes:][:masks]; len(m) > 0; m = m[wordBytes:] {
			bytes += bits.OnesCount64(binary.LittleEndian.Uint64(m))
		}
		r.masks = r.d[wordBytes:][:masks]
		r.data = r.d[wordBytes+masks:][:bytes]
		r.d = r.d[wordBytes+masks+bytes:]
	}
	r.block = bits.TrailingZeros64(r.blocks) * BlockBytes
	r.blocks &= r.blocks - 1
	r.mask = binary.LittleEndian.Uint64(r.masks)
	r.masks = r.masks[wordBytes:]
	return true
}
