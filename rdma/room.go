//go:build rdma

package rdma

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
)

// room returns an error when this machine should not lock so many bytes more: what is registered is allocated at once, used or
// not, and never swapped out. A quarter of the machine's memory is left to all others.
func room(bytes uint64) error {
	total, available, err := memory()
	if err != nil || available >= total/4+bytes { // without figures the kernel decides
		return nil
	}
	return fmt.Errorf("%d MiB of memory are available on this machine, and a quarter of its %d MiB is left alone", available>>20, total>>20)
}

// memory returns the bytes of memory of this machine, and those that are available.
func memory() (total, available uint64, err error) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	found := 0
	for lines := bufio.NewScanner(f); lines.Scan() && found < 2; {
		for name, to := range map[string]*uint64{"MemTotal:": &total, "MemAvailable:": &available} {
			if rest, is := strings.CutPrefix(lines.Text(), name); is {
				if _, err := fmt.Sscanf(rest, "%d kB", to); err != nil {
					return 0, 0, fmt.Errorf("/proc/meminfo: %s %w", name, err)
				}
				*to <<= 10
				found++
			}
		}
	}
	if found < 2 {
		return 0, 0, errors.New("/proc/meminfo says neither MemTotal nor MemAvailable")
	}
	return total, available, nil
}
