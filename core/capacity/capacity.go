// Package capacity finds out how much memory this process may use: what the machine has, or what the control groups that the process is
// in allow. It has no state, and everything may be called from any goroutine.
package capacity

import (
	"io/fs"
	"math"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// A Memory is an amount of memory that processes share.
type Memory struct {
	Bytes uint64
	Group bool // a control group allows no more; else it is what the machine has
}

// String says whose memory it is.
func (m Memory) String() string {
	if m.Group {
		return "this control group"
	}
	return "this machine"
}

// Size renders a number of bytes for people.
func Size(bytes uint64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	value, unit := float64(bytes), 0
	for ; value >= 1024 && unit < len(units)-1; unit++ {
		value /= 1024
	}
	return strconv.FormatFloat(math.Round(10*value)/10, 'f', -1, 64) + " " + units[unit]
}

// Find returns what this process may use, with all others that are subject to the same limit. ok is false when that cannot be told.
func Find() (m Memory, ok bool) { return FindIn(os.DirFS("/")) }

// FindIn is Find for a process that sees another file system.
func FindIn(root fs.FS) (m Memory, ok bool) {
	m.Bytes = machine(root)
	if limit, _, found := Limit(root); found && (limit < m.Bytes || m.Bytes == 0) {
		return Memory{limit, true}, true
	}
	return m, m.Bytes > 0
}

// machine returns what the machine has, 0 when it does not say.
func machine(root fs.FS) uint64 {
	text, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "MemTotal:" && f[2] == "kB" {
			n, err := strconv.ParseUint(f[1], 10, 44)
			if err == nil {
				return n << 10
			}
		}
	}
	return 0
}

// Limit returns the lowest memory limit among the control groups that this process is in, of either version, and the file that sets
// it. A group is limited by those above it, too. In a container the groups above are out of sight, and the path may be one that only
// the machine outside has: what is not there is no limit, and the root of what is mounted counts.
func Limit(root fs.FS) (limit uint64, where string, found bool) {
	text, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0, "", false
	}
	for line := range strings.Lines(string(text)) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3) // number, controllers, path
		if len(part) != 3 {
			continue
		}
		mounts, file := []string{"sys/fs/cgroup", "sys/fs/cgroup/unified"}, "memory.max"
		if part[1] != "" {
			if !slices.Contains(strings.Split(part[1], ","), "memory") {
				continue
			}
			mounts, file = []string{"sys/fs/cgroup/memory"}, "memory.limit_in_bytes"
		}
		for _, mount := range mounts {
			for group := path.Clean("/" + part[2]); ; group = path.Dir(group) {
				at := path.Join(mount, group, file)
				const none = 1 << 62 // version 1 writes a huge number for no limit
				if n, ok := number(root, at); ok && n < none && (!found || n < limit) {
					limit, where, found = n, "/"+at, true
				}
				if group == "/" {
					break
				}
			}
		}
	}
	return limit, where, found
}

// number returns the number in a file, if it has one.
func number(root fs.FS, name string) (uint64, bool) {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil
}
