//go:build rdma

package rdma

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

var errHungUp = errors.New("closed by the other end [did that host end early, or was it killed?]")

// explain adds what the user can do about an error of an established connection.
func explain(err error) error {
	switch {
	case errors.Is(err, unix.ETIMEDOUT):
		return fmt.Errorf("no sign of life from its machine: %w [is the machine up? is the network between the hosts?]", err)
	case errors.Is(err, unix.EBADF):
		return fmt.Errorf("%w [the program has closed descriptors of the library: let it close only those that it has opened]", err)
	}
	return err
}
