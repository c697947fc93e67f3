package message

import "sync"

// block is the size in bytes of the pieces that long messages come in. Buffers for these are used again: they would be
// garbage faster than it is collected, and fresh memory costs more than the copy.
const block = 64 << 10

var blocks sync.Pool // of *[block]byte

// keep copies a piece.
func keep(piece []byte) []byte {
	if len(piece) > block || len(piece) < block/2 {
		return append([]byte(nil), piece...)
	}
	if b, ok := blocks.Get().(*[block]byte); ok {
		return b[:copy(b[:], piece)]
	}
	return append(make([]byte, 0, block), piece...)
}

// giveBack takes a copy that nobody uses any more.
func giveBack(b []byte) {
	if cap(b) == block {
		blocks.Put((*[block]byte)(b[:block]))
	}
}
