package node

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"

	"jiajia/core"
)

// Private memory of the program and what else a checkpoint has of this host besides pages, as sections of its part.

// Names of sections.
const (
	privateSection = "private:" // and the name that the program gave: memory that it has registered
	cvSection      = "cvs"      // condition variables that are set: 4 bytes each, the lowest first
)

// MostNameBytes is how long the name of registered memory is at most.
const MostNameBytes = 255

// Errors of Register.
var (
	ErrName = errors.New("no name, one that is too long or one that was registered before")
	ErrSize = errors.New("what was stored has another size")
	ErrHere = errors.New("this is shared memory, which is stored anyway")
)

// registered is private memory that checkpoints have.
type registered struct {
	name    string
	address unsafe.Pointer
	size    uint64
}

// Register has the memory at an address stored with every checkpoint from now on. It returns what the checkpoint that this run
// began from has under the name, which the caller puts there; nil if it has nothing.
func (n *Node) Register(name string, address unsafe.Pointer, size uint64) ([]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if name == "" || len(name) > MostNameBytes || slices.ContainsFunc(n.registered, func(r registered) bool { return r.name == name }) {
		return nil, ErrName
	}
	if uintptr(address)+uintptr(size) < uintptr(address) {
		return nil, ErrSize
	}
	if base, bytes := n.region.Base(), uintptr(n.region.Pages())*uintptr(n.cfg.PageSize); uintptr(address)+uintptr(size) > base && uintptr(address) < base+bytes {
		return nil, ErrHere
	}
	stored, ok := n.restored.private[name]
	if ok && uint64(len(stored)) != size {
		return nil, ErrSize
	}
	delete(n.restored.private, name)
	n.registered = append(n.registered, registered{name, address, size})
	if ok && stored == nil {
		stored = []byte{}
	}
	return stored, nil
}

// addSections appends what belongs into this host's part besides pages, as it is now: registered memory, the condition variables that are set,
// and what its parts of pools hold. After a restore that includes what the program has not asked for yet. It is an addition.
func (n *Node) addSections(dst []Section) []Section {
	n.mu.Lock()
	list, set := slices.Clone(n.registered), n.machine.SetCVs()
	for _, name := range slices.Sorted(maps.Keys(n.restored.private)) { // which the program has not asked for yet
		dst = append(dst, Section{privateSection + name, n.restored.private[name]})
	}
	n.mu.Unlock()
	for _, r := range list {
		data, err := copyOf(r.address, r.size)
		if err != nil {
			n.fail(fmt.Errorf("store the %d bytes at %p that jia_checkpoint_register was given as %q: %w; they must be there as long as the program runs",
				r.size, r.address, r.name, err))
		}
		dst = append(dst, Section{privateSection + r.name, data})
	}
	if len(set) > 0 {
		var data []byte
		for _, id := range set {
			data = binary.LittleEndian.AppendUint32(data, uint32(id))
		}
		dst = append(dst, Section{cvSection, data})
	}
	if data := n.savePools(); data != nil {
		dst = append(dst, Section{poolsSection, data})
	}
	return dst
}

// appendCVs appends the condition variables of a section.
func appendCVs(list []core.CVID, data []byte) ([]core.CVID, error) {
	if len(data)%4 != 0 {
		return nil, fmt.Errorf("a list of condition variables of %d bytes", len(data))
	}
	for ; len(data) > 0; data = data[4:] {
		list = append(list, core.CVID(binary.LittleEndian.Uint32(data)))
	}
	return list, nil
}

// copyOf copies memory of the program. The kernel does it, where it is let: then memory that is not there is an error and not the end of the process.
func copyOf(address unsafe.Pointer, size uint64) ([]byte, error) {
	if size > 0 { // a size that cannot be must not become a slice
		var last [1]byte
		if _, err := readOwn(last[:], uintptr(address)+uintptr(size)-1); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			return nil, err
		}
	}
	data := make([]byte, size)
	for done := uint64(0); done < size; {
		k, err := readOwn(data[done:], uintptr(address)+uintptr(done))
		switch {
		case errors.Is(err, errors.ErrUnsupported):
			copy(data[done:], unsafe.Slice((*byte)(unsafe.Add(address, done)), size-done))
			return data, nil
		case err != nil:
			return nil, err
		}
		done += uint64(k)
	}
	return data, nil
}

// readOwn has the kernel copy memory of this process into dst, or the beginning of it. errors.ErrUnsupported: it is not let.
func readOwn(dst []byte, from uintptr) (int, error) {
	local := []unix.Iovec{{Base: &dst[0]}}
	local[0].SetLen(len(dst))
	for {
		k, err := unix.ProcessVMReadv(os.Getpid(), local, []unix.RemoteIovec{{Base: from, Len: len(dst)}}, 0)
		switch {
		case errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS):
			return 0, errors.ErrUnsupported
		case !errors.Is(err, unix.EINTR):
			return k, err
		}
	}
}
