package ckpt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// Version is that of the format of parts and manifests. Other versions are refused.
const Version = 1

// MaxName is how many bytes the name of a section has at most.
const MaxName = 1024

const (
	partMagic  = "JIAckpt\n"
	blockMagic = 0x4b4c426a // "jBLK"

	partHeaderSize  = 64
	blockHeaderSize = 48

	flagCompress = 1 // in a part's header: blocks may be compressed
	flagZstd     = 1 // in a block's header: this one is, as one frame
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var le = binary.LittleEndian

// check says what is wrong with the information of a caller or a manifest.
func (p *PartInfo) check() error {
	switch {
	case p.Generation == 0:
		return errors.New("generation 0: they count from 1")
	case p.Base >= p.Generation:
		return fmt.Errorf("generation %d cannot build on %d", p.Generation, p.Base)
	case p.Hosts < 1 || p.Hosts > MaxHosts:
		return fmt.Errorf("%d hosts: there are 1 to %d", p.Hosts, MaxHosts)
	case p.Host < 0 || p.Host >= p.Hosts:
		return fmt.Errorf("host %d of %d", p.Host, p.Hosts)
	case p.PageSize < 1 || p.PageSize > MaxBlock || p.PageSize&(p.PageSize-1) != 0:
		return fmt.Errorf("pages of %d bytes: it is a power of two up to %d", p.PageSize, MaxBlock)
	}
	return nil
}

// header returns the beginning of a part.
func (p *PartInfo) header() []byte {
	b := make([]byte, 0, partHeaderSize)
	b = append(b, partMagic...)
	b = le.AppendUint32(b, Version)
	b = le.AppendUint32(b, uint32(p.PageSize))
	b = append(b, p.Job[:]...)
	b = le.AppendUint64(b, p.Generation)
	b = le.AppendUint64(b, p.Base)
	b = le.AppendUint32(b, uint32(p.Host))
	b = le.AppendUint32(b, uint32(p.Hosts))
	var flags uint32
	if p.Compress {
		flags |= flagCompress
	}
	b = le.AppendUint32(b, flags)
	return le.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// parseHeader reads the beginning of a part, partHeaderSize bytes, and checks that it is one that header makes.
func parseHeader(b []byte) (p PartInfo, err error) {
	if string(b[:8]) != partMagic {
		return p, errors.New("it does not begin as a part of a checkpoint")
	}
	if crc32.Checksum(b[:60], castagnoli) != le.Uint32(b[60:]) {
		return p, errors.New("the checksum of the header is wrong")
	}
	if version := le.Uint32(b[8:]); version != Version {
		return p, fmt.Errorf("its format is version %d, and this program reads version %d", version, Version)
	}
	p = PartInfo{
		Job: JobID(b[16:32]), Generation: le.Uint64(b[32:]), Base: le.Uint64(b[40:]),
		Host: int(le.Uint32(b[48:])), Hosts: int(le.Uint32(b[52:])), PageSize: int(le.Uint32(b[12:])),
		Compress: le.Uint32(b[56:])&flagCompress != 0,
	}
	if le.Uint32(b[56:])&^flagCompress != 0 {
		return p, errors.New("the header has flags that are not known")
	}
	return p, p.check()
}

// A blockHeader stands before the contents of each block.
type blockHeader struct {
	kind   Kind
	flags  uint8
	offset int64  // its own place in the file
	first  uint64 // zero, pages: the first page. Section: where the piece belongs. End: how many pages have contents in this file
	count  uint64 // zero, pages: how many. Section: bytes of the whole. End: how many blocks are before this one
	stored uint32 // bytes that follow
	raw    uint32 // bytes of contents
	crc    uint32 // of the bytes that follow
}

// encode returns the header behind one whose checksum was before, and its own checksum. So each depends on all before it, and
// the last stands for the file.
func (h *blockHeader) encode(before uint32) (b [blockHeaderSize]byte, sum uint32) {
	le.PutUint32(b[0:], blockMagic)
	b[4], b[5] = byte(h.kind), h.flags
	le.PutUint64(b[8:], uint64(h.offset))
	le.PutUint64(b[16:], h.first)
	le.PutUint64(b[24:], h.count)
	le.PutUint32(b[32:], h.stored)
	le.PutUint32(b[36:], h.raw)
	le.PutUint32(b[40:], h.crc)
	sum = chained(before, b[:44])
	le.PutUint32(b[44:], sum)
	return b, sum
}

// parseBlock reads a header that should stand at an offset behind one with a checksum. It checks all that does not depend on the kind.
func parseBlock(b []byte, at int64, before uint32) (h blockHeader, sum uint32, err error) {
	if le.Uint32(b) != blockMagic {
		return h, 0, errors.New("no block begins here")
	}
	sum = chained(before, b[:44])
	if sum != le.Uint32(b[44:]) {
		return h, 0, errors.New("the checksum of the block's header is wrong")
	}
	h = blockHeader{
		kind: Kind(b[4]), flags: b[5], offset: int64(le.Uint64(b[8:])), first: le.Uint64(b[16:]), count: le.Uint64(b[24:]),
		stored: le.Uint32(b[32:]), raw: le.Uint32(b[36:]), crc: le.Uint32(b[40:]),
	}
	if h.offset != at || h.flags&^flagZstd != 0 || b[6] != 0 || b[7] != 0 {
		return h, 0, errors.New("the block's header makes no sense")
	}
	return h, sum, nil
}

func chained(before uint32, b []byte) uint32 {
	var seed [4]byte
	le.PutUint32(seed[:], before)
	return crc32.Update(crc32.Checksum(seed[:], castagnoli), castagnoli, b)
}
