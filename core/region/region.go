package region

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
)

// Mode selects the fault backend.
type Mode string

const (
	Auto     Mode = "auto"     // uffd where the kernel permits it, otherwise mprotect
	Uffd     Mode = "uffd"     // userfaultfd; Open fails where it cannot work
	Mprotect Mode = "mprotect" // page protections and SIGSEGV
	Plain    Mode = "plain"    // no faults: the view is readable and writable (a job of one host)
)

// Write says whether a faulting access was a store.
type Write uint8

// The values are those of enum region_write in fault.h.
const (
	No Write = iota
	Yes
	Unknown // the processor does not tell
)

// Defaults of Config.
const (
	DefaultBase uintptr = 0x400000000000
	DefaultSize uint64  = 1 << 40
)

// Config describes a region. Zero values of Base, Size, PageSize and Mode mean the defaults.
type Config struct {
	// Base is the address of the application view, the same on all hosts. A multiple of 4096.
	Base uintptr
	// Size is the reservation in bytes, rounded down to whole pages. It costs address space, not memory.
	Size uint64
	// PageSize is the coherence page in bytes: a multiple of the kernel's page.
	PageSize int
	// Mode selects the fault backend.
	Mode Mode
	// OnFault serves an access that the application view did not permit. It runs on the faulting thread, inside a
	// signal handler with asynchronous signals blocked, on any number of threads at once. It may block in system
	// calls. It must not touch the application view, and must not hold a lock that the program could hold while
	// it touches shared memory. It returns true when the access may be tried again, which includes the case that
	// another thread has already made it possible; false makes it an invalid access of the program, which then gets
	// the signal. Required unless Mode is Plain.
	OnFault func(page uint64, write Write) bool
}

// Region is the shared memory of one host.
//
// Map, MapFresh, Protect, Unmap and Discard change access and must be serialised by the caller. Frame, Frames and the
// methods that describe the region may be called at any time from any goroutine until Close.
type Region struct {
	cfg     Config
	pages   uint64
	mem     *memory
	known   frameTable
	backend backend
	why     string
	onFault func(page uint64, write Write) bool
}

// current is the region whose faults the signal handler serves; a process has at most one region at a time.
var current atomic.Pointer[Region]

var errOpenTwice = errors.New("region: open: this process already has a region")

// Open reserves the region, maps both views and installs the fault handlers. All pages start with access None (in
// mode Plain: readable and writable) and read as zero.
//
// The handlers stay in front of those that the program installed before; a handler that the program installs later
// for the backend's signal (SIGBUS for uffd, SIGSEGV for mprotect) must pass on what is not its own.
func Open(cfg Config) (*Region, error) {
	if err := cfg.complete(); err != nil {
		return nil, fmt.Errorf("region: open: %w", err)
	}
	r := &Region{cfg: cfg, pages: cfg.Size / uint64(cfg.PageSize), onFault: cfg.OnFault}
	if !current.CompareAndSwap(nil, r) {
		return nil, errOpenTwice
	}
	if err := r.open(); err != nil {
		current.Store(nil)
		return nil, fmt.Errorf("region: open: %w", err)
	}
	return r, nil
}

func (cfg *Config) complete() error {
	if cfg.Base == 0 {
		cfg.Base = DefaultBase
	}
	if cfg.Size == 0 {
		cfg.Size = DefaultSize
	}
	kernelPage := os.Getpagesize()
	if cfg.PageSize == 0 {
		cfg.PageSize = kernelPage
	}
	if cfg.Mode == "" {
		cfg.Mode = Auto
	}
	if cfg.PageSize < 0 || cfg.PageSize%kernelPage != 0 {
		return fmt.Errorf("page size %d is not a multiple of the kernel's page, %d bytes", cfg.PageSize, kernelPage)
	}
	if cfg.Base%uintptr(kernelPage) != 0 {
		return fmt.Errorf("base address %#x is not a multiple of the kernel's page, %d bytes", cfg.Base, kernelPage)
	}
	cfg.Size -= cfg.Size % uint64(cfg.PageSize)
	if cfg.Size == 0 {
		return fmt.Errorf("size is smaller than one page of %d bytes", cfg.PageSize)
	}
	switch cfg.Mode {
	case Plain:
		return nil
	case Auto, Uffd, Mprotect:
		if cfg.OnFault == nil {
			return fmt.Errorf("mode %q without an OnFault function", cfg.Mode)
		}
		return nil
	}
	return fmt.Errorf("unknown mode %q (one of auto, uffd, mprotect, plain)", cfg.Mode)
}

// open acquires the parts in order; on an error it gives back those that it has.
func (r *Region) open() (err error) {
	if r.mem, err = openMemory(r.cfg); err != nil {
		return err
	}
	if r.known, err = newFrameTable(r.pages); err != nil {
		return errors.Join(err, r.mem.close())
	}
	if r.backend, r.why, err = openBackend(r.cfg, r.mem); err != nil {
		return errors.Join(err, r.known.close(), r.mem.close())
	}
	if sig := r.backend.signal(); sig != 0 {
		if err := installHandlers(r.cfg, sig); err != nil {
			return errors.Join(err, r.backend.close(), r.known.close(), r.mem.close())
		}
	}
	return nil
}

// Close removes the fault handlers, unmaps both views and frees the memory. No thread may touch the region, or slices
// of its frames, any more. Closing twice is an error.
func (r *Region) Close() error {
	if !current.CompareAndSwap(r, nil) {
		return errors.New("region: close: not open")
	}
	var errs []error
	if r.backend.signal() != 0 {
		errs = append(errs, removeHandlers())
	}
	errs = append(errs, r.backend.close(), r.known.close(), r.mem.close())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("region: close: %w", err)
	}
	return nil
}

// Backend names the fault backend in use: "uffd", "mprotect" or "plain".
func (r *Region) Backend() string { return r.backend.name() }

// Why explains in one sentence how the backend was chosen, for the log.
func (r *Region) Why() string { return r.why }

// Base returns the address of the application view.
func (r *Region) Base() uintptr { return r.cfg.Base }

// PageSize returns the size of a page in bytes.
func (r *Region) PageSize() int { return r.cfg.PageSize }

// Pages returns the number of pages that are reserved.
func (r *Region) Pages() uint64 { return r.pages }

// Used returns the bytes of memory that the frames of all pages take.
func (r *Region) Used() uint64 { return r.mem.used() }

// Frame returns the bytes of a page in the service view. A frame that was never written, or was discarded, reads as
// zero; reading it allocates it.
func (r *Region) Frame(page uint64) []byte { return r.Frames(page, 1) }

// Frames returns the bytes of n consecutive pages in the service view, with all that follow as their capacity: so whoever
// moves bytes can tell that frames are neighbours.
func (r *Region) Frames(page, n uint64) []byte {
	size := uint64(r.cfg.PageSize)
	return r.mem.service[page*size : (page+n)*size]
}

// Fd returns the descriptor of the memory, whose offsets are those of the region; it is open until Close. For those who
// map it elsewhere. It must not be truncated or punched.
func (r *Region) Fd() int { return r.mem.fd }

// Known tells whether a page's frame exists because it was mapped or stored here. A frame that is not known reads as zero
// unless somebody has written it through a service view.
func (r *Region) Known(page uint64) bool { return r.known.has(page) }

// Store replaces the content of the pages from page on by bytes, whole pages. Where the frames do not exist it costs half as
// much as writing them through the service view. It may be called at any time, but by one thread for a page.
func (r *Region) Store(page uint64, bytes []byte) error {
	n := uint64(len(bytes)) / uint64(r.cfg.PageSize)
	r.mustHold(page, n)
	if err := r.mem.store(page*uint64(r.cfg.PageSize), bytes); err != nil {
		return fmt.Errorf("region: store pages %d+%d: %w", page, n, err)
	}
	r.known.note(page, n)
	return nil
}

// Map gives the program access a to n pages with the content of their frames. It raises access and may also lower it;
// frames that do not exist yet are created as zero.
func (r *Region) Map(page, n uint64, a Access) error {
	if a == None {
		return r.Unmap(page, n)
	}
	r.mustHold(page, n)
	r.known.note(page, n)
	if err := r.backend.set(page, n, a); err != nil {
		return fmt.Errorf("region: map pages %d+%d %v: %w", page, n, a, err)
	}
	return nil
}

// MapFresh gives the program ReadWrite access to n pages that it has probably never used, for the lowest price a page.
// Frames that exist all the same keep their content.
func (r *Region) MapFresh(page, n uint64) error {
	r.mustHold(page, n)
	r.known.note(page, n)
	if err := r.backend.fresh(page, n); err != nil {
		return fmt.Errorf("region: map fresh pages %d+%d: %w", page, n, err)
	}
	return nil
}

// Protect lowers ReadWrite access to ReadOnly and leaves other pages as they are. Once it has returned, no store of any
// thread to these pages succeeds without a fault; every store that did succeed is visible in the frames.
func (r *Region) Protect(page, n uint64) error {
	r.mustHold(page, n)
	if err := r.backend.protect(page, n); err != nil {
		return fmt.Errorf("region: protect pages %d+%d: %w", page, n, err)
	}
	return nil
}

// Unmap revokes all access to n pages. Their frames keep their content.
func (r *Region) Unmap(page, n uint64) error {
	r.mustHold(page, n)
	if err := r.backend.revoke(page, n); err != nil {
		return fmt.Errorf("region: unmap pages %d+%d: %w", page, n, err)
	}
	return nil
}

// Keep names the pages whose access the backend never takes away by itself, instead of those that it named before. Spans may
// overlap, in any order. Serialised like Map.
func (r *Region) Keep(spans []Span) {
	if m, ok := r.backend.(*mprotect); ok {
		m.keep(spans)
	}
}

// Discard revokes all access to n pages and frees their frames, which read as zero afterwards. Not for frames that a
// transport has registered with a device, which would go on using the old ones.
func (r *Region) Discard(page, n uint64) error {
	r.mustHold(page, n)
	if !r.backend.punched(page, n) {
		if err := r.backend.revoke(page, n); err != nil {
			return fmt.Errorf("region: discard pages %d+%d: %w", page, n, err)
		}
	}
	size := uint64(r.cfg.PageSize)
	if err := r.mem.punch(page*size, n*size); err != nil {
		return fmt.Errorf("region: discard pages %d+%d: %w", page, n, err)
	}
	r.known.forget(page, n)
	return nil
}

// mustHold panics unless the pages are within the reservation: the protocol never names others.
func (r *Region) mustHold(page, n uint64) {
	if page > r.pages || n > r.pages-page {
		panic(fmt.Sprintf("region: pages %d+%d of a region of %d pages", page, n, r.pages))
	}
}
