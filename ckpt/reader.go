package ckpt

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
)

// A PartReader reads a part from its beginning to its end. What it returns is checked.
type PartReader struct {
	in   Input
	path string
	info PartInfo
	part Part
	err  error // what Next returns from now on

	at     int64  // where the next block is
	head   []byte // its header
	sum    uint32 // checksum of the header before it
	blocks uint64
	pages  uint64
	buf    []byte // the last block's contents as they are in the file, and the header behind them

	name          string // the section that goes on; "": none does
	offset, total uint64 // of that section: where its next piece belongs, and the bytes of the whole

	unpack []byte // the last block's contents, if they were compressed
}

// OpenPart opens a part of a generation and checks that it is the one that the manifest means. fs.ErrNotExist: it is not here.
func (s *Store) OpenPart(m *Manifest, host int) (*PartReader, error) {
	if host < 0 || host >= len(m.Parts) {
		return nil, fmt.Errorf("generation %d has no part of host %d", m.Generation, host)
	}
	name := partName(m.Job, m.Generation, host)
	in, err := s.fs.Open(name)
	if err != nil {
		return nil, err
	}
	r, err := newPartReader(in, s.fs.Path(name), m, m.Parts[host])
	if err != nil {
		in.Close()
	}
	return r, err
}

func newPartReader(in Input, path string, m *Manifest, part Part) (*PartReader, error) {
	r := &PartReader{in: in, path: path, part: part}
	if in.Size() != part.Bytes {
		return nil, &Damage{path, -1, fmt.Sprintf("it has %d bytes, and should have %d", in.Size(), part.Bytes)}
	}
	r.buf = make([]byte, partHeaderSize+blockHeaderSize)
	if err := r.fill(0, r.buf); err != nil {
		return nil, err
	}
	info, err := parseHeader(r.buf[:partHeaderSize])
	if err != nil {
		return nil, &Damage{path, 0, err.Error()}
	}
	want := PartInfo{m.Job, m.Generation, m.Base, part.Host, m.Hosts, m.PageSize, info.Compress}
	if info != want {
		return nil, &Damage{path, 0, fmt.Sprintf("it is of another checkpoint: generation %d of job %s on %d, host %d of %d, pages of %d bytes",
			info.Generation, info.Job, info.Base, info.Host, info.Hosts, info.PageSize)}
	}
	r.info = info
	r.sum = le.Uint32(r.buf[partHeaderSize-4:])
	r.at, r.head = partHeaderSize, r.buf[partHeaderSize:]
	return r, nil
}

// fill reads what the file has at an offset.
func (r *PartReader) fill(at int64, b []byte) error {
	n, err := io.ReadFull(r.in, b)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return &Damage{r.path, at + int64(n), "the file ends here, before its last block"}
	}
	return err
}

func (r *PartReader) damaged(format string, args ...any) error {
	return &Damage{r.path, r.at, fmt.Sprintf(format, args...)}
}

// Next returns the next block. io.EOF comes after all of them, when the file is whole and the one that the manifest means.
func (r *PartReader) Next() (Block, error) {
	if r.err != nil {
		return Block{}, r.err
	}
	b, err := r.next()
	if err != nil {
		r.err = err
		return Block{}, err
	}
	return b, nil
}

func (r *PartReader) next() (Block, error) {
	h, sum, err := parseBlock(r.head, r.at, r.sum)
	if err != nil {
		return Block{}, r.damaged("%v", err)
	}
	if err := r.plausible(h); err != nil {
		return Block{}, r.damaged("%v", err)
	}
	if h.kind == KindEnd {
		return Block{}, r.end(sum)
	}
	data, err := r.contents(h)
	if err != nil {
		return Block{}, err
	}
	b := Block{Kind: h.kind, First: h.first, Count: h.count, Data: data}
	switch h.kind {
	case KindPages:
		r.pages += h.count
	case KindSection:
		if b, err = r.piece(h, data); err != nil {
			return Block{}, err
		}
	}
	r.at += blockHeaderSize + int64(h.stored)
	r.head = r.buf[h.stored:][:blockHeaderSize]
	r.sum = sum
	r.blocks++
	return b, nil
}

// plausible checks what a header says before anything is done with it.
func (r *PartReader) plausible(h blockHeader) error {
	packed := h.flags&flagZstd != 0
	switch {
	case h.raw > MaxBlock || packed && (h.stored >= h.raw || !r.info.Compress) || !packed && h.stored != h.raw:
		return fmt.Errorf("the block has %d bytes, of %d", h.stored, h.raw)
	case r.name != "" && h.kind != KindSection:
		return fmt.Errorf("section %q does not go on", r.name)
	case h.kind == KindEnd && r.at+blockHeaderSize != r.part.Bytes:
		return errors.New("the last block is not at the end of the file")
	case h.kind != KindEnd && int64(h.stored) > r.part.Bytes-r.at-2*blockHeaderSize:
		return fmt.Errorf("the block has %d bytes, more than the file", h.stored)
	}
	wrong := false
	switch h.kind {
	case KindZero:
		wrong = h.raw != 0 || h.count == 0 || h.first > math.MaxUint64-h.count || r.pages > 0
	case KindPages:
		wrong = h.count == 0 || h.count > MaxBlock || h.count*uint64(r.info.PageSize) != uint64(h.raw) || h.first > math.MaxUint64-h.count
	case KindSection:
		wrong = h.raw < 3
	case KindEnd:
		wrong = h.raw != 0 || h.first != r.pages || h.count != r.blocks
	default:
		return fmt.Errorf("blocks of kind %d are not known", h.kind)
	}
	if wrong {
		return errors.New("the block's header makes no sense")
	}
	return nil
}

// contents reads what follows a header, and the next header: one call for a megabyte.
func (r *PartReader) contents(h blockHeader) ([]byte, error) {
	size := int(h.stored) + blockHeaderSize
	if cap(r.buf) < size {
		r.buf = make([]byte, size)
	}
	r.buf = r.buf[:size]
	if err := r.fill(r.at+blockHeaderSize, r.buf); err != nil {
		return nil, err
	}
	data := r.buf[:h.stored:h.stored]
	if crc32.Checksum(data, castagnoli) != h.crc {
		return nil, r.damaged("the checksum of the block's contents is wrong")
	}
	if h.flags&flagZstd == 0 {
		return data, nil
	}
	return r.decompress(data, int(h.raw))
}

func (r *PartReader) decompress(data []byte, raw int) ([]byte, error) {
	if cap(r.unpack) < raw {
		r.unpack = make([]byte, 0, raw)
	}
	out, err := decoder().DecodeAll(data, r.unpack[:0])
	if err != nil {
		return nil, r.damaged("the block cannot be decompressed: %v", err)
	}
	if len(out) != raw {
		return nil, r.damaged("the block has %d bytes when decompressed, and should have %d", len(out), raw)
	}
	return out, nil
}

// piece checks that a block is the piece of a section that has to come now.
func (r *PartReader) piece(h blockHeader, data []byte) (Block, error) {
	size := int(le.Uint16(data))
	if size == 0 || size > MaxName || size > len(data)-2 {
		return Block{}, r.damaged("the name of the section makes no sense")
	}
	name, data := string(data[2:2+size]), data[2+size:]
	after := h.first + uint64(len(data))
	switch {
	case r.name == "" && h.first != 0, r.name != "" && (name != r.name || h.first != r.offset || h.count != r.total):
		return Block{}, r.damaged("a piece of section %q stands where another belongs", name)
	case after > h.count || len(data) == 0 && h.count > 0:
		return Block{}, r.damaged("a piece of section %q is too long or empty", name)
	}
	if r.name, r.offset, r.total = name, after, h.count; after == h.count {
		r.name = ""
	}
	return Block{Kind: KindSection, Name: name, Offset: h.first, Total: h.count, Data: data}, nil
}

// end checks that the file is the one that was meant, when all its blocks are right.
func (r *PartReader) end(sum uint32) error {
	if sum != r.part.Sum || r.pages != r.part.Pages {
		return &Damage{r.path, -1, "it is whole, but not the part that the manifest means"}
	}
	switch n, err := r.in.Read(make([]byte, 1)); {
	case n > 0:
		return &Damage{r.path, r.at + blockHeaderSize, "there is more behind the last block"}
	case err == nil || err == io.EOF:
		return io.EOF
	default:
		return err
	}
}

// Whole returns the section whose first piece is b, which Next has just returned; the caller owns the result.
func (r *PartReader) Whole(b Block) ([]byte, error) {
	if b.Kind != KindSection || b.Offset != 0 {
		return nil, errors.New("read a section: not its first block")
	}
	name, total := b.Name, b.Total
	data := append([]byte(nil), b.Data...) // not made at once: the pieces will show whether there is so much
	for uint64(len(data)) < total {
		b, err := r.Next()
		if err != nil {
			return nil, err
		}
		if b.Kind != KindSection || b.Name != name || b.Offset != uint64(len(data)) {
			return nil, errors.New("read a section: its blocks were read before")
		}
		data = append(data, b.Data...)
	}
	return data, nil
}

// Close closes the file.
func (r *PartReader) Close() error {
	if r.err == nil {
		r.err = errors.New("the part was closed before")
	}
	return r.in.Close()
}
