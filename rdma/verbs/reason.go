// Package verbs is a thin layer over libibverbs and librdmacm, which it loads when they are first wanted: a program that
// contains it runs on machines without them. It holds what package rdma needs and no more.
//
// Objects are freed by their Close or Free, in the opposite order of their creation; after that they must not be used.
// Calls that fail return an error that names the function and wraps an errno.
package verbs

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// Why there is no RDMA on a machine.
var (
	ErrNotBuilt  = errors.New("this library was built without RDMA [build it where the headers of libibverbs and librdmacm are, with make RDMA=1]")
	ErrNoLibrary = errors.New("the RDMA libraries are not there [install the packages libibverbs1, librdmacm1 and ibverbs-providers, or those that " +
		"belong to the network cards]")
	ErrNoDevice = errors.New("this machine has no RDMA device [see: ibv_devices; a device that rdma link shows and ibv_devices does not lacks its driver, of ibverbs-providers]")
)

// libraryError turns what the dynamic linker says into an error for the user.
func libraryError(said string) error {
	if strings.Contains(said, "No such file") {
		return fmt.Errorf("%w: %s", ErrNoLibrary, said)
	}
	return fmt.Errorf("the RDMA libraries cannot be used [install those of rdma-core 28 or later]: %s", said)
}

// A Port is a port of a device.
type Port struct {
	Device   string
	Number   int
	Active   bool
	Ethernet bool // RoCE; else InfiniBand
	State    string
}

func (p Port) String() string { return fmt.Sprintf("%s port %d is %s", p.Device, p.Number, p.State) }

// Inactive tells why none of the ports can be used, or nil.
func Inactive(ports []Port) error {
	if len(ports) == 0 {
		return ErrNoDevice
	}
	var states []string
	for _, p := range ports {
		if p.Active {
			return nil
		}
		states = append(states, p.String())
	}
	return fmt.Errorf("no RDMA device has an active port: %s [is the cable in? is the interface up? see: ibv_devinfo, rdma link]", strings.Join(states, ", "))
}

// Locked explains an error of a call that locks memory, of which the transport needs so many bytes to begin with.
func Locked(err error, need int) error {
	if !errors.Is(err, unix.ENOMEM) && !errors.Is(err, unix.EAGAIN) {
		return err
	}
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit) != nil {
		return err
	}
	return lockedAt(err, need, limit.Cur)
}

// lockedAt is Locked for a limit of this machine.
func lockedAt(err error, need int, limit uint64) error {
	if limit == unix.RLIM_INFINITY {
		return err
	}
	kib := (uint64(need) + 1023) / 1024
	if limit/1024 > kib {
		kib = 2 * (limit / 1024)
	}
	return fmt.Errorf("%w: RDMA needs locked memory, and this process may lock no more than %d KiB [allow %d KiB at least: ulimit -l %d, better "+
		"ulimit -l unlimited; for all users: a memlock line in /etc/security/limits.conf; under Slurm: PropagateResourceLimitsExcept=MEMLOCK]",
		err, limit/1024, kib, kib)
}
