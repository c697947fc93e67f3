package ckpt

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math"
)

// errDone says that a writer was used after its end.
var errDone = errors.New("the part was closed or abandoned before")

// A PartWriter writes a part. After an error all further calls return the same error, and the part is to be abandoned.
type PartWriter struct {
	store *Store
	info  PartInfo
	out   Output
	pipe  *pipe
	err   error // the first one

	at     int64  // bytes of the file so far
	sum    uint32 // checksum of the last header
	blocks uint64
	pages  uint64
	named  map[string]bool // sections

	packed []byte // the last block's contents, if they were compressed
}

// CreatePart begins a part, under a temporary name. It fails if the part is there already, and with ErrBase if it builds on one
// of this host that is not here.
func (s *Store) CreatePart(info PartInfo) (*PartWriter, error) {
	if err := info.check(); err != nil {
		return nil, fmt.Errorf("begin a part of a checkpoint: %w", err)
	}
	if err := s.fs.Make(); err != nil {
		return nil, err
	}
	if info.Base != 0 {
		base := partName(info.Job, info.Base, info.Host)
		if there, err := s.exists(base); err != nil {
			return nil, err
		} else if !there {
			return nil, fmt.Errorf("%w: %s", ErrBase, s.fs.Path(base))
		}
	}
	name := partName(info.Job, info.Generation, info.Host)
	if there, err := s.exists(name); err != nil {
		return nil, err
	} else if there {
		return nil, fmt.Errorf("%s: %w", s.fs.Path(name), fs.ErrExist)
	}
	out, err := s.fs.Create(name + tempSuffix)
	if err != nil {
		return nil, err
	}
	w := &PartWriter{store: s, info: info, out: out, pipe: newPipe(out), named: map[string]bool{}}
	header := info.header()
	w.sum = le.Uint32(header[partHeaderSize-4:])
	w.put(header)
	return w, nil
}

func (s *Store) exists(name string) (bool, error) {
	in, err := s.fs.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, in.Close()
}

// Zero says that pages are zero. All calls of it come before those of Pages.
func (w *PartWriter) Zero(first, count uint64) error {
	switch {
	case w.err != nil:
	case count == 0 || first > math.MaxUint64-count:
		w.err = fmt.Errorf("store %d zero pages from %d: there are no such pages", count, first)
	case w.pages > 0:
		w.err = fmt.Errorf("store %d zero pages from %d: they come before all contents", count, first)
	default:
		w.block(blockHeader{kind: KindZero, first: first, count: count}, nil, nil)
	}
	return w.err
}

// Pages stores the contents of whole pages, from page first on; data is not kept. A page comes once in a part; the order is the caller's.
func (w *PartWriter) Pages(first uint64, data []byte) error {
	size := w.info.PageSize
	count := uint64(len(data) / size)
	if w.err == nil && (count == 0 || len(data)%size != 0 || first > math.MaxUint64-count) {
		w.err = fmt.Errorf("store %d bytes from page %d: these are no pages of %d bytes", len(data), first, size)
	}
	for w.err == nil && len(data) > 0 {
		n := min(len(data), MaxBlock)
		count := uint64(n / size)
		w.block(blockHeader{kind: KindPages, first: first, count: count}, nil, data[:n])
		first, data = first+count, data[n:]
		w.pages += count
	}
	return w.err
}

// Section stores data of any size under a name of 1 to MaxName bytes. A name comes once in a part.
func (w *PartWriter) Section(name string, data []byte) error {
	switch {
	case w.err != nil:
		return w.err
	case name == "" || len(name) > MaxName || w.named[name]:
		w.err = fmt.Errorf("store a section: its name %.50q is empty, too long or taken", name)
		return w.err
	}
	w.named[name] = true
	prefix := append(le.AppendUint16(nil, uint16(len(name))), name...)
	total := uint64(len(data))
	for offset := uint64(0); w.err == nil; {
		n := min(len(data), MaxBlock-len(prefix))
		w.block(blockHeader{kind: KindSection, first: offset, count: total}, prefix, data[:n])
		offset, data = offset+uint64(n), data[n:]
		if len(data) == 0 {
			break
		}
	}
	return w.err
}

// block writes a block. Its contents are prefix and data, at most MaxBlock bytes together.
func (w *PartWriter) block(h blockHeader, prefix, data []byte) {
	h.offset = w.at
	h.raw = uint32(len(prefix) + len(data))
	if w.info.Compress && h.raw > 0 {
		if packed := w.compress(prefix, data); len(packed) < int(h.raw) {
			h.flags, prefix, data = flagZstd, nil, packed
		}
	}
	h.stored = uint32(len(prefix) + len(data))
	h.crc = crc32.Update(crc32.Checksum(prefix, castagnoli), castagnoli, data)
	header, sum := h.encode(w.sum)
	w.sum = sum
	w.blocks++
	w.put(header[:])
	w.put(prefix)
	w.put(data)
}

func (w *PartWriter) compress(prefix, data []byte) []byte {
	if len(prefix) > 0 {
		data = append(prefix[:len(prefix):len(prefix)], data...)
	}
	w.packed = encoder().EncodeAll(data, w.packed[:0])
	return w.packed
}

func (w *PartWriter) put(b []byte) {
	if w.err != nil {
		return
	}
	w.at += int64(len(b))
	w.err = w.pipe.write(b)
}

// Close ends the part: it blocks until the file is on disk under its name. When it fails, nothing is left that counts, and the files are
// removed where that is possible. The writer is done with either way.
func (w *PartWriter) Close() (Part, error) {
	if w.err == nil {
		w.block(blockHeader{kind: KindEnd, first: w.pages, count: w.blocks}, nil, nil)
	}
	if w.err != nil {
		err := w.err
		w.Abandon()
		return Part{}, err
	}
	name := partName(w.info.Job, w.info.Generation, w.info.Host)
	err := w.pipe.flush(true)
	w.pipe, w.err = nil, errDone
	if err := w.store.publish(w.out, err, name+tempSuffix, name); err != nil {
		return Part{}, err
	}
	return Part{Host: w.info.Host, Bytes: w.at, Pages: w.pages, Sum: w.sum}, nil
}

// publish syncs and closes a file that was written, with what error, gives it its name, and syncs that. When it fails it removes the file.
func (s *Store) publish(out Output, err error, temp, name string) error {
	if err == nil {
		err = out.Sync()
	}
	if e := out.Close(); err == nil {
		err = e
	}
	if err != nil {
		_ = s.fs.Remove(temp)
		return err
	}
	if err := s.fs.Rename(temp, name); err != nil {
		_ = s.fs.Remove(temp)
		return err
	}
	if err := s.fs.Sync(); err != nil {
		_ = s.fs.Remove(name)
		return err
	}
	return nil
}

// Abandon removes what was written. After Close it does nothing, so that it may be deferred.
func (w *PartWriter) Abandon() {
	if w.pipe == nil {
		return
	}
	_ = w.pipe.flush(false)
	_ = w.out.Close()
	_ = w.store.fs.Remove(partName(w.info.Job, w.info.Generation, w.info.Host) + tempSuffix)
	w.pipe, w.err = nil, errDone
}
