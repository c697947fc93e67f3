package region

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Access is what the program may do with a page through the application view.
type Access uint8

// None is the state of every page of a new region; the table below relies on its being zero.
const (
	None Access = iota
	ReadOnly
	ReadWrite
)

func (a Access) String() string {
	switch a {
	case None:
		return "none"
	case ReadOnly:
		return "read-only"
	case ReadWrite:
		return "read-write"
	}
	return fmt.Sprintf("access(%d)", uint8(a))
}

// accessTable remembers, one byte per page, the access last given to the program. The kernel may have taken mappings
// away since, so it is an upper bound: a page listed as None is certainly not mapped.
//
// The table is sparse anonymous memory outside the Go heap: a reservation of 64 TiB costs only the parts in use, and
// the garbage collector never sees it.
type accessTable struct {
	access []Access // indexed by page
}

func newAccessTable(pages uint64) (accessTable, error) {
	p, err := unix.MmapPtr(-1, 0, nil, uintptr(pages), unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return accessTable{}, fmt.Errorf("reserve the access table (%d bytes): %w%s", pages, err, reserveHint(err))
	}
	return accessTable{unsafe.Slice((*Access)(p), pages)}, nil
}

func (t accessTable) close() error {
	return unix.MunmapPtr(unsafe.Pointer(unsafe.SliceData(t.access)), uintptr(len(t.access)))
}

// run returns the length of the run of equal entries that starts at page and ends before end, and their access.
func (t accessTable) run(page, end uint64) (uint64, Access) {
	a := t.access[page]
	next := page + 1
	for next < end && t.access[next] == a {
		next++
	}
	return next - page, a
}

// set records access a for n pages.
func (t accessTable) set(page, n uint64, a Access) {
	entries := t.access[page : page+n]
	for i := range entries {
		entries[i] = a
	}
}

// reset records None for every page and gives the table's memory back.
func (t accessTable) reset() error {
	base := unsafe.Pointer(unsafe.SliceData(t.access))
	_, _, errno := unix.Syscall(unix.SYS_MADVISE, uintptr(base), uintptr(len(t.access)), unix.MADV_DONTNEED)
	if errno != 0 {
		return fmt.Errorf("clear the access table: %w", errno)
	}
	return nil
}

// mapped returns the smallest run within [page, page+n) that holds every entry other than None; n is 0 when there is
// none.
func (t accessTable) mapped(page, n uint64) (uint64, uint64) {
	end := page + n
	for page < end && t.access[page] == None {
		page++
	}
	for end > page && t.access[end-1] == None {
		end--
	}
	return page, end - page
}

// writable returns the first run at or after page, before end, that must be lowered to take ReadWrite away. It starts
// and ends with a ReadWrite page and holds no page whose access is None, so that lowering all of it to ReadOnly with
// one system call gives nobody more than they had. n is 0 when nothing is left.
func (t accessTable) writable(page, end uint64) (first, n uint64) {
	for page < end && t.access[page] != ReadWrite {
		page++
	}
	first = page
	last := page
	for ; page < end && t.access[page] != None; page++ {
		if t.access[page] == ReadWrite {
			last = page + 1
		}
	}
	return first, last - first
}

// boundaries counts the places in [page, page+n] at which neighbouring pages differ, including the two edges.
func (t accessTable) boundaries(page, n uint64) int {
	count := 0
	if page == 0 {
		page, n = 1, n-1
	}
	for i := page; i <= page+n && i < uint64(len(t.access)); i++ {
		if t.access[i-1] != t.access[i] {
			count++
		}
	}
	return count
}
