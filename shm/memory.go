package shm

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A segment is memory that two or more hosts map: a memfd that cannot change its size, so that a peer cannot take memory away that
// we are about to touch.
type segment struct {
	b []byte
}

const segmentSeals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL

// makeSegment makes a segment of zeros. The descriptor is for the peers, and the caller's to close.
func makeSegment(name string, size uint64) (s *segment, fd int, err error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err == nil && limit.Cur < size { // SIGXFSZ instead of an error
		return nil, -1, fmt.Errorf("make shared memory of %d bytes: the file size limit is %d bytes [raise it with ulimit -f]", size, limit.Cur)
	}
	fd, err = unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, -1, os.NewSyscallError("memfd_create", err)
	}
	if err = os.NewSyscallError("ftruncate", unix.Ftruncate(fd, int64(size))); err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, segmentSeals)
		err = os.NewSyscallError("seal", err)
	}
	if err == nil {
		s, err = mapSegment(fd, size)
	}
	if err != nil {
		unix.Close(fd)
		return nil, -1, err
	}
	return s, fd, nil
}

// joinSegment maps a segment that a peer has made, when it is what it should be.
func joinSegment(fd int, size uint64) (*segment, error) {
	seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	if err != nil || seals&unix.F_SEAL_SHRINK == 0 {
		return nil, fmt.Errorf("shared memory that may shrink (seals %#x, %v)", seals, err)
	}
	if err := sizedAtLeast(fd, size); err != nil {
		return nil, err
	}
	return mapSegment(fd, size)
}

// sizedAtLeast checks the size of a file.
func sizedAtLeast(fd int, size uint64) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	if st.Size < 0 || uint64(st.Size) < size {
		return fmt.Errorf("shared memory of %d bytes where %d were expected", st.Size, size)
	}
	return nil
}

func mapSegment(fd int, size uint64) (*segment, error) {
	b, err := mapFile(fd, 0, size)
	if err != nil {
		return nil, err
	}
	return &segment{b}, nil
}

// mapFile maps a part of a file. A forked child does not get it, nor does a core dump.
func mapFile(fd int, offset int64, size uint64) ([]byte, error) {
	p, err := unix.MmapPtr(fd, offset, nil, uintptr(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_NORESERVE)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	b := unsafe.Slice((*byte)(p), size)
	for _, advice := range []int{unix.MADV_DONTFORK, unix.MADV_DONTDUMP} {
		if err := unix.Madvise(b, advice); err != nil {
			unmap(b)
			return nil, os.NewSyscallError("madvise", err)
		}
	}
	return b, nil
}

func unmap(b []byte) {
	if len(b) > 0 {
		// It fails only for what was not mapped.
		_ = unix.MunmapPtr(unsafe.Pointer(unsafe.SliceData(b)), uintptr(len(b)))
	}
}

// free unmaps the segment. It may be nil.
func (s *segment) free() {
	if s != nil {
		unmap(s.b)
		s.b = nil
	}
}

// at returns what is so many bytes into a segment as a T, which holds atomic values only.
func at[T any](s *segment, offset uint64) *T {
	b := s.b[offset:]
	return (*T)(unsafe.Pointer(&b[:unsafe.Sizeof(*new(T))][0]))
}

// arrayAt is at for n values in a row.
func arrayAt[T any](s *segment, offset, n uint64) []T {
	b := s.b[offset:][:n*uint64(unsafe.Sizeof(*new(T)))]
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

func closeAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}
