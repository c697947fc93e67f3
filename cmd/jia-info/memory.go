package main

import (
	"fmt"
	"os"

	"jiajia/core/capacity"
	"jiajia/core/conf"
	"jiajia/core/node"
	"jiajia/core/region"
)

// memory opens a region as a host of a job would, and tells what came of it.
func (m machine) memory(s conf.Settings) (sec section, backend string) {
	sec.Name = "Shared memory"
	r, err := region.Open(region.Config{Size: s.RegionSize, PageSize: s.PageSize, Mode: region.Mode(s.Fault),
		OnFault: func(uint64, region.Write) bool { return false }})
	if err != nil {
		sec.Items = append(sec.Items, item{Name: "region", Value: "cannot be opened", Why: err.Error(), State: bad,
			Remedy: "follow the words in brackets; a smaller region: export JIA_REGION_SIZE=64G; another way to catch faults: export JIA_FAULT=auto"})
		return sec, ""
	}
	backend = r.Backend()
	sec.Items = append(sec.Items,
		item{Name: "region", Value: fmt.Sprintf("%s at %#x", bytes1024(s.RegionSize), r.Base()), State: ok,
			Why: "address space; memory is used as pages are touched"},
		m.faults(s, r))
	sec.Items = append(sec.Items, m.cache(s))
	tracking := item{Name: "write tracking", Value: "write-protection, one fault for each page and interval", State: ok}
	sec.Items = append(sec.Items, tracking)
	if err := r.Close(); err != nil {
		sec.Items = append(sec.Items, item{Name: "closing", Value: err.Error(), State: low, Remedy: "report this as a mistake of the library"})
	}
	if mode, found := m.read("/proc/sys/vm/unprivileged_userfaultfd"); found {
		sec.Items = append(sec.Items, item{Name: "unprivileged_userfaultfd", Value: mode, State: ok,
			Why: "the library asks for faults of user mode alone, for which 0 is enough"})
	}
	if mode, found := m.field("/proc/self/status", "Seccomp"); found && mode == "2" {
		sec.Items = append(sec.Items, item{Name: "seccomp", Value: "a filter is in force", State: ok,
			Why: "it may refuse system calls; the result above is what it lets through"})
	}
	return sec, backend
}

// faults tells which backend is used. The slower one is worth a remedy unless it was asked for.
func (m machine) faults(s conf.Settings, r *region.Region) item {
	i := item{Name: "page faults", Value: r.Backend(), Why: r.Why(), State: ok}
	if r.Backend() == string(region.Mprotect) && s.Fault != conf.FaultMprotect {
		i.State = low
		i.Remedy = "jobs run; fetching a page costs more, and mappings are limited. Linux 6.4 or newer has what is needed; " +
			"in a container, allow the system call: docker run --security-opt seccomp=PROFILE with userfaultfd in it"
	}
	return i
}

// cache tells how much memory the hosts here spend on pages of others.
func (m machine) cache(s conf.Settings) item {
	i := item{Name: "page cache", State: ok}
	if s.CacheSize > 0 {
		i.Value, i.Why = capacity.Size(s.CacheSize), "for each host, as JIA_CACHE_SIZE says"
		if _, err := node.CachePages(s.CacheSize, s.PageSize); err != nil {
			i.State, i.Remedy = bad, fmt.Sprintf("export JIA_CACHE_SIZE=%dK or more, or leave it out", node.MinCachePages*s.PageSize>>10)
		}
		return i
	}
	memory, found := capacity.FindIn(os.DirFS(m.root))
	if !found {
		i.Value, i.Why = "not known", "this machine does not say how much memory it has"
		return i
	}
	i.Value, i.Why = capacity.Size(memory.Bytes/2), fmt.Sprintf("half of the memory of %v, divided by the hosts here; JIA_CACHE_SIZE sets it for each", memory)
	return i
}
