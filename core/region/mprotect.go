package region

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mprotect gives access by changing the protection of the application view.
//
// Every place at which the protection of neighbouring pages differs splits a kernel mapping (VMA) in two, and a
// process that reaches vm.max_map_count cannot even create threads or allocate memory any more. As losing a mapping
// is harmless, the backend counts its VMAs and revokes all access at once, which merges them into one, before they
// become too many.
type mprotect struct {
	mem      *memory
	pageSize uint64
	table    accessTable // exact here: only this backend changes protections
	splits   int         // boundaries between neighbouring pages of different access: VMAs of the view, less one
	budget   int         // splits allowed
	kept     []Span      // pages that collapse leaves as they are: sorted, apart from each other
}

func openMprotect(cfg Config, mem *memory) (*mprotect, error) {
	table, err := newAccessTable(cfg.Size / uint64(cfg.PageSize))
	if err != nil {
		return nil, err
	}
	m := &mprotect{mem: mem, pageSize: uint64(cfg.PageSize), table: table, budget: maxMapCount() / 2}
	// The view was mapped before it was known that this backend will serve it.
	if err := m.collapse(); err != nil {
		return nil, errors.Join(err, table.close())
	}
	return m, nil
}

// maxMapCount returns the limit on a process's VMAs, or the kernel's default where it cannot be read.
func maxMapCount() int {
	const kernelDefault = 65530
	text, err := os.ReadFile("/proc/sys/vm/max_map_count")
	if err != nil {
		return kernelDefault
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return kernelDefault
	}
	return n
}

func (*mprotect) name() string        { return "mprotect" }
func (*mprotect) signal() unix.Signal { return unix.SIGSEGV }

func (m *mprotect) set(page, n uint64, a Access) error {
	if n == 0 {
		return nil
	}
	if run, was := m.table.run(page, page+n); run == n && was == a {
		return nil
	}
	before := m.table.boundaries(page, n)
	if m.splits-before+2 > m.budget {
		if err := m.collapse(); err != nil {
			return err
		}
		before = m.table.boundaries(page, n)
	}
	errno := m.protection(page*m.pageSize, n*m.pageSize, a)
	if errno == unix.ENOMEM {
		// The program itself has many mappings. Some of the range may have changed: the collapse mends that too.
		if err := m.collapse(); err != nil {
			return err
		}
		before = m.table.boundaries(page, n)
		errno = m.protection(page*m.pageSize, n*m.pageSize, a)
	}
	if errno != 0 {
		return errors.Join(fmt.Errorf("mprotect %v: %w", a, errno), m.collapse())
	}
	m.table.set(page, n, a)
	m.splits += m.table.boundaries(page, n) - before
	return nil
}

func (m *mprotect) fresh(page, n uint64) error { return m.set(page, n, ReadWrite) }

func (m *mprotect) revoke(page, n uint64) error {
	page, n = m.table.mapped(page, n)
	return m.set(page, n, None)
}

func (m *mprotect) punched(uint64, uint64) bool { return false }

func (m *mprotect) protect(page, n uint64) error {
	for end := page + n; ; {
		first, run := m.table.writable(page, end)
		if run == 0 {
			return nil
		}
		if err := m.set(first, run, ReadOnly); err != nil {
			return err
		}
		// set may have collapsed everything, and then given ReadOnly to what had at least that: still harmless.
		page = first + run
	}
}

// collapse revokes all access to the region but for the pages that are kept, which leaves one VMA if there are none.
func (m *mprotect) collapse() error {
	var next uint64
	var saved []Access
	for _, s := range append(m.kept, Span{Page: m.mem.size / m.pageSize}) {
		if s.Page > next {
			if errno := m.protection(next*m.pageSize, (s.Page-next)*m.pageSize, None); errno != 0 {
				return fmt.Errorf("mprotect the whole region: %w", errno)
			}
		}
		next = s.Page + s.Count
		saved = append(saved, m.table.access[s.Page:next]...)
	}
	if err := m.table.reset(); err != nil {
		return err
	}
	m.splits = 0
	for _, s := range m.kept {
		saved = saved[copy(m.table.access[s.Page:], saved[:s.Count]):]
		m.splits += m.table.boundaries(s.Page, s.Count)
	}
	return nil
}

// protection changes the protection of a byte range of the view. Short ranges do not bother the Go scheduler.
func (m *mprotect) protection(offset, length uint64, a Access) unix.Errno {
	prot := [...]uintptr{None: unix.PROT_NONE, ReadOnly: unix.PROT_READ, ReadWrite: unix.PROT_READ | unix.PROT_WRITE}[a]
	addr := m.mem.app + uintptr(offset)
	var errno unix.Errno
	if length <= rawSyscallBytes {
		_, _, errno = unix.RawSyscall(unix.SYS_MPROTECT, addr, uintptr(length), prot)
	} else {
		_, _, errno = unix.Syscall(unix.SYS_MPROTECT, addr, uintptr(length), prot)
	}
	return errno
}

func (m *mprotect) close() error { return m.table.close() }
