package region

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// backend turns access rights into faults. Calls are serialised by the region's caller; pages are within the region.
type backend interface {
	name() string
	// signal is the one that a forbidden access raises; 0 if there are none.
	signal() unix.Signal
	// set gives access a, which is not None, to the pages' frames; missing frames are created as zero.
	set(page, n uint64, a Access) error
	// fresh gives ReadWrite access to pages whose frames are most likely missing.
	fresh(page, n uint64) error
	// protect lowers ReadWrite to ReadOnly, and raises nothing.
	protect(page, n uint64) error
	// revoke takes all access away.
	revoke(page, n uint64) error
	// punched takes note that the pages' frames are being freed, which takes all access away. It returns false, and does nothing, if
	// access must be revoked before.
	punched(page, n uint64) bool
	close() error
}

// rawSyscallBytes is the longest range whose system call is made without telling the Go scheduler. Such calls take a few
// microseconds; the garbage collector waits that long for the thread.
const rawSyscallBytes = 64 << 10

// openBackend chooses and opens the backend that the mode asks for, and says why it was chosen.
func openBackend(cfg Config, mem *memory) (backend, string, error) {
	switch cfg.Mode {
	case Plain:
		return plain{}, "plain: one host needs no faults", nil
	case Mprotect:
		b, err := openMprotect(cfg, mem)
		return b, "mprotect: asked for by name", err
	}
	refusal := probeUffd()
	if refusal == nil {
		b, err := openUffd(cfg, mem)
		if err == nil {
			why := "uffd: userfaultfd does all that is needed here"
			if cfg.Mode == Uffd {
				why = "uffd: asked for by name"
			}
			return b, why, nil
		}
		refusal = &probeError{inconclusive, "it passed the probe, but not for the whole region", err}
	}
	if cfg.Mode == Uffd {
		return nil, "", fmt.Errorf("backend uffd: %w (or choose the mprotect backend)", refusal)
	}
	b, err := openMprotect(cfg, mem)
	if err != nil {
		return nil, "", errors.Join(err, refusal)
	}
	return b, fmt.Sprintf("mprotect: instead of uffd, as %v", refusal), nil
}

// plain is the backend of a job of one host: everything is permitted, so nothing faults.
type plain struct{}

func (plain) name() string                     { return "plain" }
func (plain) signal() unix.Signal              { return 0 }
func (plain) set(uint64, uint64, Access) error { return nil }
func (plain) fresh(uint64, uint64) error       { return nil }
func (plain) protect(uint64, uint64) error     { return nil }
func (plain) revoke(uint64, uint64) error      { return nil }
func (plain) punched(uint64, uint64) bool      { return false }
func (plain) close() error                     { return nil }
