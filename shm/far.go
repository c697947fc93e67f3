package shm

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"jiajia/core/diff"
	"jiajia/core/wire"
)

// chunkBytes is how much of a peer's memory is mapped at once: its reservation may be larger than what is left of the address
// space, but what a program really uses of it is not.
const chunkBytes = 1 << 30

// A far is the memory of a peer, of which parts are mapped when they are first used. Any number of threads.
type far struct {
	fd       int // of the peer's region; ours to close
	pageSize int
	pages    uint64
	perChunk uint64 // pages
	marks    marks

	mu     sync.Mutex // held while a chunk is mapped
	chunks []atomic.Pointer[chunk]
}

// A chunk is a part of the memory that is mapped.
type chunk struct {
	b []byte
	// frames has a bit for each page that is known to have a frame at its home. To read any other through the mapping might make
	// one there, for a page that was never written.
	frames []atomic.Uint64
}

// newFar takes the descriptor over.
func newFar(fd int, size uint64, pageSize int, m marks) *far {
	f := &far{fd: fd, pageSize: pageSize, pages: size / uint64(pageSize), perChunk: max(1, chunkBytes/uint64(pageSize)), marks: m}
	f.chunks = make([]atomic.Pointer[chunk], (f.pages+f.perChunk-1)/f.perChunk)
	return f
}

// chunk returns the chunk of a page, or nil when it cannot be mapped.
func (f *far) chunk(p wire.PageID) *chunk {
	at := &f.chunks[uint64(p)/f.perChunk]
	if c := at.Load(); c != nil {
		return c
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := at.Load(); c != nil {
		return c
	}
	first := uint64(p) / f.perChunk * f.perChunk
	n := min(f.perChunk, f.pages-first)
	b, err := mapFile(f.fd, int64(first)*int64(f.pageSize), n*uint64(f.pageSize))
	if err != nil {
		return nil
	}
	c := &chunk{b: b, frames: make([]atomic.Uint64, (n+63)/64)}
	at.Store(c)
	return c
}

// frame returns the bytes of a page.
func (f *far) frame(c *chunk, p wire.PageID) []byte {
	return c.b[uint64(p)%f.perChunk*uint64(f.pageSize):][:f.pageSize:f.pageSize]
}

// read copies pages into frames. ok is false when one of them is beyond the memory or cannot be mapped; then nothing was read.
func (f *far) read(pages []wire.PageID, frames [][]byte) (ok bool, err error) {
	for i, p := range pages {
		if uint64(p) >= f.pages || f.chunk(p) == nil {
			return false, nil
		}
		if len(frames[i]) != f.pageSize {
			return false, fmt.Errorf("page %d into %d bytes: %w", p, len(frames[i]), wire.ErrField)
		}
	}
	f.marks.set(pages)
	fence() // the marks are there before the first byte is read
	for i := 0; i < len(pages); {
		p := pages[i]
		c := f.chunk(p)
		in := uint64(p) % f.perChunk
		if c.frames[in/64].Load()>>(in%64)&1 != 0 {
			copy(frames[i], f.frame(c, p))
			i++
			continue
		}
		n := 1
		for i+n < len(pages) && pages[i+n] == p+wire.PageID(n) && in+uint64(n) < f.perChunk {
			n++
		}
		if err := f.discover(c, p, frames[i:i+n]); err != nil {
			return false, err
		}
		i += n
	}
	return true, nil
}

// discover reads consecutive pages of a chunk of which some may have no frame yet.
func (f *far) discover(c *chunk, p wire.PageID, frames [][]byte) error {
	in := uint64(p) % f.perChunk
	each := f.pageSize / os.Getpagesize()
	var space [wire.MaxWindow]byte
	there := space[:]
	if len(frames)*each > len(there) {
		there = make([]byte, len(frames)*each)
	}
	there = there[:len(frames)*each]
	if mincore(c.b[in*uint64(f.pageSize):][:len(frames)*f.pageSize], there) != nil {
		clear(there)
	}
	for i, frame := range frames {
		resident := true
		for _, v := range there[i*each : (i+1)*each] {
			resident = resident && v&1 != 0
		}
		if !resident {
			// Of a page without a frame this gives zeros and makes none.
			n, err := unix.Pread(f.fd, frame, (int64(p)+int64(i))*int64(f.pageSize))
			if err != nil || n != len(frame) {
				return fmt.Errorf("read %d bytes of page %d: %d, %w", len(frame), int(p)+i, n, os.NewSyscallError("pread", err))
			}
			continue
		}
		at := in + uint64(i)
		c.frames[at/64].Or(1 << (at % 64))
		copy(frame, f.frame(c, p+wire.PageID(i)))
	}
	return nil
}

// write stores the changed bytes of a stream of diff records.
func (f *far) write(stream []byte) (ok bool, err error) {
	r := diff.NewReader(stream, f.pageSize, f.pages)
	for {
		n, d, err := r.Next()
		if errors.Is(err, io.EOF) {
			fence()
			return true, nil
		}
		if err != nil {
			return false, err
		}
		c := f.chunk(wire.PageID(n))
		if c == nil {
			return false, nil
		}
		diff.ApplyNext(f.frame(c, wire.PageID(n)), d)
	}
}

// free unmaps everything, when no thread reads or writes any more.
func (f *far) free() {
	if f == nil {
		return
	}
	for i := range f.chunks {
		if c := f.chunks[i].Load(); c != nil {
			unmap(c.b)
		}
	}
	unix.Close(f.fd)
}

// mincore tells which kernel pages of a mapping have a frame: bit 0 of each byte.
func mincore(b, there []byte) error {
	_, _, e := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		uintptr(unsafe.Pointer(unsafe.SliceData(there))))
	if e != 0 {
		return os.NewSyscallError("mincore", e)
	}
	return nil
}
