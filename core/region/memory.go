package region

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// memory is the memfd of a region and its two mappings.
type memory struct {
	fd      int
	app     uintptr // address of the application view; never dereferenced in Go
	size    uint64  // bytes, of the memfd and of each view
	service []byte  // the service view
}

func openMemory(cfg Config) (*memory, error) {
	// Growing a file past RLIMIT_FSIZE does not just fail, it kills the process with SIGXFSZ.
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err == nil && limit.Cur < cfg.Size {
		return nil, fmt.Errorf("reserve %d bytes: the file size limit is %d bytes (raise it with ulimit -f, "+
			"or reserve less)", cfg.Size, limit.Cur)
	}
	fd, err := unix.MemfdCreate("jia-region", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	m := &memory{fd: fd, size: cfg.Size}
	if err := m.mapViews(cfg); err != nil {
		return nil, errors.Join(err, m.close())
	}
	return m, nil
}

func (m *memory) mapViews(cfg Config) error {
	if err := unix.Ftruncate(m.fd, int64(m.size)); err != nil {
		return fmt.Errorf("grow the memfd to %d bytes: %w", m.size, err)
	}
	prot := uintptr(unix.PROT_NONE) // what mprotect starts from
	if cfg.Mode != Mprotect {
		prot = unix.PROT_READ | unix.PROT_WRITE
	}
	flags := uintptr(unix.MAP_SHARED | unix.MAP_NORESERVE | unix.MAP_FIXED_NOREPLACE)
	addr, _, errno := unix.Syscall6(unix.SYS_MMAP, cfg.Base, uintptr(m.size), prot, flags, uintptr(m.fd), 0)
	switch {
	case errno == unix.EEXIST:
		return taken(cfg)
	case errno != 0:
		return fmt.Errorf("reserve %d bytes at %#x: %w%s", m.size, cfg.Base, errno, reserveHint(errno))
	}
	m.app = addr
	if addr != cfg.Base { // a kernel before 4.17 takes the address as a mere hint
		return taken(cfg)
	}
	p, err := unix.MmapPtr(m.fd, 0, nil, uintptr(m.size), unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_SHARED|unix.MAP_NORESERVE)
	if err != nil {
		return fmt.Errorf("map the service view, %d bytes: %w%s", m.size, err, reserveHint(err))
	}
	m.service = unsafe.Slice((*byte)(p), m.size)

	// A forked child has none of our threads: it shall crash on shared memory, not read it incoherently. A core dump
	// would walk both reservations, tebibytes of holes.
	if err := madvise(m.app, m.size, unix.MADV_DONTFORK); err != nil {
		return err
	}
	if err := madvise(m.app, m.size, unix.MADV_DONTDUMP); err != nil {
		return err
	}
	return madvise(uintptr(p), m.size, unix.MADV_DONTDUMP)
}

// populate makes sure that the frames in a byte range exist. Unlike touching them through the service view it returns
// an error, and not SIGBUS, when memory has run out.
func (m *memory) populate(offset, length uint64) error {
	for {
		err := unix.Fallocate(m.fd, 0, int64(offset), int64(length))
		if err == nil {
			return nil
		}
		if err != unix.EINTR {
			return fmt.Errorf("allocate %d bytes of shared memory: %w", length, err)
		}
	}
}

// store writes bytes at an offset. Like populate it returns an error when memory has run out.
func (m *memory) store(offset uint64, bytes []byte) error {
	for len(bytes) > 0 {
		n, err := unix.Pwrite(m.fd, bytes, int64(offset))
		if err != nil && err != unix.EINTR {
			return fmt.Errorf("write %d bytes of shared memory: %w", len(bytes), err)
		}
		n = max(n, 0)
		bytes, offset = bytes[n:], offset+uint64(n)
	}
	return nil
}

// used returns how many bytes of frames exist.
func (m *memory) used() uint64 {
	const block = 512 // bytes, whatever the file system
	var st unix.Stat_t
	if unix.Fstat(m.fd, &st) != nil {
		return 0 // the descriptor is ours: a program that closed it has worse problems
	}
	return uint64(st.Blocks) * block
}

// punch frees the frames in a byte range.
func (m *memory) punch(offset, length uint64) error {
	if length == 0 {
		return nil
	}
	mode := uint32(unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE)
	if err := unix.Fallocate(m.fd, mode, int64(offset), int64(length)); err != nil {
		return fmt.Errorf("free %d bytes of shared memory: %w", length, err)
	}
	return nil
}

// close is also for a memory that was only partly opened.
func (m *memory) close() error {
	var errs []error
	if m.app != 0 {
		_, _, errno := unix.Syscall(unix.SYS_MUNMAP, m.app, uintptr(m.size), 0)
		if errno != 0 {
			errs = append(errs, fmt.Errorf("unmap the application view: %w", errno))
		}
	}
	if m.service != nil {
		errs = append(errs, unix.MunmapPtr(unsafe.Pointer(unsafe.SliceData(m.service)), uintptr(m.size)))
	}
	return errors.Join(append(errs, unix.Close(m.fd))...)
}

func madvise(addr uintptr, length uint64, advice int) error {
	_, _, errno := unix.Syscall(unix.SYS_MADVISE, addr, uintptr(length), uintptr(advice))
	if errno != 0 {
		return fmt.Errorf("madvise %d bytes at %#x, advice %d: %w", length, addr, advice, errno)
	}
	return nil
}

// reserveHint turns the kernel's refusal of a mapping into a remedy.
func reserveHint(err error) string {
	if !errors.Is(err, unix.ENOMEM) && !errors.Is(err, unix.EINVAL) {
		return ""
	}
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_AS, &limit) == nil && limit.Cur != unix.RLIM_INFINITY {
		return fmt.Sprintf(" (the address space limit is %d bytes: raise it with ulimit -v, or reserve less)", limit.Cur)
	}
	return " (beyond the address space of this processor, or vm.overcommit_memory forbids it: reserve less)"
}

// taken reports that the application view's address is in use, and by what.
func taken(cfg Config) error {
	first, last := uint64(cfg.Base), uint64(cfg.Base)+cfg.Size
	by := "another mapping"
	if maps, err := os.Open("/proc/self/maps"); err == nil {
		defer maps.Close()
		lines := bufio.NewScanner(maps)
		for lines.Scan() {
			var lo, hi uint64
			if n, _ := fmt.Sscanf(lines.Text(), "%x-%x", &lo, &hi); n == 2 && lo < last && first < hi {
				by = strings.Join(strings.Fields(lines.Text()), " ")
				break
			}
		}
	}
	return fmt.Errorf("reserve %d bytes at %#x: the address is taken (%s): reserve less with JIA_REGION_SIZE (about 20T at most where the program is loaded above that address; link it with -no-pie for more)", cfg.Size, cfg.Base, by)
}
