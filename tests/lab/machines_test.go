package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// A machine is what a host of a job takes for one: a node of the virtual machine with its address, and a boot id of its own. All
// nodes are in one network namespace, and the boot id is how the library tells machines apart.
type machine struct {
	address string
	plain   bool        // it has no RDMA device
	do      chan func() // functions that its thread calls
}

// machines are the nodes, those with a device first. Constant after inside.
var machines []*machine

// inside prepares the machines and runs the tests.
func inside(m *testing.M) int {
	nodes, plain := 0, 0
	text, err := os.ReadFile("/run/jia-lab/ctl/shape")
	if err == nil {
		_, err = fmt.Sscanf(string(text), "nodes=%d plain=%d", &nodes, &plain)
	}
	for i := 0; err == nil && i < nodes+plain; i++ {
		var one *machine
		one, err = newMachine(i, i >= nodes)
		machines = append(machines, one)
	}
	if err == nil {
		still, err = watchStillness()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tests/lab: not inside a virtual machine of the lab:", err)
		return 1
	}
	return m.Run()
}

// newMachine starts a thread in a mount namespace of its own; what it starts is in there too.
func newMachine(number int, plain bool) (*machine, error) {
	m := &machine{address: fmt.Sprintf("10.99.0.%d", number+1), plain: plain, do: make(chan func())}
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		err := ownBootID(number)
		if err == nil && plain {
			err = hideDevices()
		}
		ready <- err
		for f := range m.do {
			f()
		}
	}()
	return m, <-ready
}

// ownBootID moves the calling thread into a mount namespace with another boot id.
func ownBootID(number int) error {
	id := filepath.Join(os.TempDir(), fmt.Sprintf("boot-id-%d", number))
	if err := os.WriteFile(id, fmt.Appendf(nil, "%08d-0000-4000-8000-000000000000\n", number), 0o644); err != nil {
		return err
	}
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	const place = "/proc/sys/kernel/random/boot_id"
	if err := unix.Mount(id, place, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount over %s: %w", place, err)
	}
	return nil
}

// hideDevices has the calling thread's mount namespace know nothing of the RDMA devices. An address does not tell: a host without a
// device at its own address takes any that it finds.
func hideDevices() error {
	for _, place := range []string{"/dev/infiniband", "/sys/class/infiniband", "/sys/class/infiniband_verbs"} {
		if err := unix.Mount("nothing", place, "tmpfs", unix.MS_RDONLY, ""); err != nil {
			return fmt.Errorf("mount over %s: %w", place, err)
		}
	}
	return nil
}

// start starts cmd on the machine.
func (m *machine) start(cmd *exec.Cmd) error {
	result := make(chan error)
	m.do <- func() { result <- cmd.Start() }
	return <-result
}
