package diff

import (
	"encoding/binary"
	"math/bits"
)

// check reports whether d is the diff of a page of pageSize bytes. The kernels
// trust every diff that passes.
func check(d []byte, pageSize int) error {
	mustBePageSize(pageSize)
	for blocks := pageSize / BlockBytes; blocks > 0; blocks -= blocksPerMap {
		bytes, err := checkSubPage(d, min(blocks, blocksPerMap))
		if err != nil {
			return err
		}
		d = d[bytes:]
	}
	if len(d) > 0 {
		return ErrTrailing
	}
	return nil
}

// checkSubPage checks the part of the diff at the start of d that belongs to a
// sub-page of 1 to 64 blocks, and returns its length.
func checkSubPage(d []byte, blocks int) (int, error) {
	if len(d) < wordBytes {
		return 0, ErrTruncated
	}
	blockMap := binary.LittleEndian.Uint64(d)
	if blockMap&^(allBlocks>>(blocksPerMap-blocks)) != 0 {
		return 0, ErrBeyondPage
	}
	dataStart := wordBytes + wordBytes*bits.OnesCount64(blockMap)
	if len(d) < dataStart {
		return 0, ErrTruncated
	}
	end := dataStart
	for masks := d[wordBytes:dataStart]; len(masks) >= wordBytes; masks = masks[wordBytes:] {
		mask := binary.LittleEndian.Uint64(masks)
		if mask == 0 {
			return 0, ErrEmptyMask
		}
		end += bits.OnesCount64(mask)
	}
	if len(d) < end {
		return 0, ErrTruncated
	}
	return end, nil
}
