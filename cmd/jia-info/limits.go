package main

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"jiajia/core/capacity"
	"jiajia/core/conf"
)

// What is enough for ordinary jobs.
const (
	enoughFiles = 4096      // descriptors: a host needs three for each other host, and one more for each of its threads
	enoughMaps  = 65530     // mappings, with the mprotect backend
	enoughBytes = 256 << 20 // of memory
)

func (m machine) limits(s conf.Settings, backend string) section {
	sec := section{Name: "Limits"}
	add := func(i item) { sec.Items = append(sec.Items, i) }
	add(openFiles())
	if maps, found := m.number("/proc/sys/vm/max_map_count"); found {
		i := item{Name: "mappings", Value: fmt.Sprint(maps), State: ok, Why: "matters with the mprotect backend alone"}
		if backend == "mprotect" && maps < enoughMaps {
			i.State, i.Why = low, "the mprotect backend takes all access away whenever half of them are in use"
			i.Remedy = "sysctl -w vm.max_map_count=262144 (as root; for good: a line vm.max_map_count=262144 in /etc/sysctl.d/jia.conf)"
		}
		add(i)
	}
	add(size("address space", unix.RLIMIT_AS, 2*s.RegionSize+enoughBytes, "ulimit -v unlimited", "two views of the region"))
	add(size("file size", unix.RLIMIT_FSIZE, s.RegionSize, "ulimit -f unlimited", "the region is a file in memory"))
	add(size("locked memory", unix.RLIMIT_MEMLOCK, 0, "", "RDMA alone locks memory, and wants no limit (ulimit -l unlimited)"))
	if mode, found := m.read("/proc/sys/vm/overcommit_memory"); found {
		add(overcommit(mode))
	}
	if mode, found := m.read("/sys/kernel/mm/transparent_hugepage/shmem_enabled"); found {
		add(hugePages(mode))
	}
	if total, found := m.field("/proc/meminfo", "MemTotal"); found {
		i := item{Name: "memory", Value: total, State: ok}
		if available, found := m.field("/proc/meminfo", "MemAvailable"); found {
			i.Value += ", " + available + " of it available"
		}
		add(i)
	}
	if limit, where, found := capacity.Limit(os.DirFS(m.root)); found {
		i := item{Name: "memory of the cgroup", Value: bytes1024(limit), Why: where, State: ok}
		if limit < enoughBytes {
			i.State, i.Remedy = low, "give the container more (docker run --memory=4g), or the unit (systemctl set-property UNIT MemoryMax=4G)"
		}
		add(i)
	}
	return sec
}

func openFiles() item {
	i := item{Name: "open files", State: ok, Why: "a host uses three for each other host, and one more for each thread that waits and host"}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		i.Value = "unknown: " + err.Error()
		return i
	}
	// The Go runtime raises the limit in force to the hard one, here and in the hosts.
	i.Value = count(limit.Max)
	if limit.Max < enoughFiles {
		i.State = low
		i.Remedy = fmt.Sprintf("ulimit -n %d (as root; for good: a line \"* hard nofile %d\" in /etc/security/limits.d/jia.conf)", 16*enoughFiles, 16*enoughFiles)
	}
	return i
}

// size reports a limit in bytes that must be at least need.
func size(name string, which int, need uint64, remedy, why string) item {
	i := item{Name: name, State: ok, Why: why}
	var limit unix.Rlimit
	switch err := unix.Getrlimit(which, &limit); {
	case err != nil:
		i.Value = "unknown: " + err.Error()
	case limit.Cur == unix.RLIM_INFINITY:
		i.Value = "unlimited"
	default:
		i.Value = bytes1024(limit.Cur)
		if limit.Cur < need {
			i.State, i.Remedy = bad, remedy+", or a smaller region: export JIA_REGION_SIZE=..."
			i.Why += fmt.Sprintf("; at least %s are needed", bytes1024(need))
		}
	}
	return i
}

func count(n uint64) string {
	if n == unix.RLIM_INFINITY {
		return "unlimited"
	}
	return fmt.Sprint(n)
}

func overcommit(mode string) item {
	i := item{Name: "overcommit", Value: mode, State: ok}
	switch mode {
	case "0":
		i.Why = "heuristic"
	case "1":
		i.Why = "always"
	case "2":
		i.Why = "strict; the region is not counted, what threads and the heap reserve is"
		i.State, i.Remedy = low, "if memory runs out early: sysctl -w vm.overcommit_memory=0 (as root)"
	}
	return i
}

func hugePages(mode string) item {
	i := item{Name: "huge pages of shared memory", State: ok}
	_, rest, _ := strings.Cut(mode, "[")
	i.Value, _, _ = strings.Cut(rest, "]")
	if i.Value == "always" || i.Value == "force" {
		i.State, i.Why = low, "a touched page may take 2 MiB of memory"
		i.Remedy = "echo never > /sys/kernel/mm/transparent_hugepage/shmem_enabled (as root)"
	}
	return i
}
