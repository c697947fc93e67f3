package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// smallCache is the smallest page cache that there may be: 16 pages.
const smallCache = "JIA_CACHE_SIZE=64K"

// onceSmall are the settings under which a program runs with a small cache: both backends, each transport once.
func onceSmall() [][]string {
	all := crossed()
	for i := range all {
		all[i] = append(all[i], smallCache)
	}
	return all
}

// Every example finds its answer when next to nothing of the others' pages fits.
func TestExamplesInASmallCache(t *testing.T) {
	for name, args := range examples {
		for _, env := range onceSmall() {
			t.Run(name+"/"+strings.Join(env, ","), func(t *testing.T) {
				job{program: name, args: args, hosts: 4, env: env}.run(t).good(t, ": ok, ")
			})
		}
	}
}

func TestRandomProgramInASmallCache(t *testing.T) {
	for _, hosts := range hostCounts(2, 4) {
		for _, env := range onceSmall() {
			for _, seed := range seeds(2) {
				randomJob(t, job{hosts: hosts, env: env}, seed)
			}
		}
	}
}

func TestProgramsInASmallCache(t *testing.T) {
	for name, args := range map[string]string{"openmp": "", "locks": "500", "pages": "1000", "messages": "", "collectives": "",
		"patterns": "600 2 upwards backwards strided columns random threads"} {
		for _, env := range onceSmall() {
			t.Run(name+"/"+strings.Join(env, ","), func(t *testing.T) {
				job{program: name, args: strings.Fields(args), hosts: 3, env: env}.run(t).good(t, ": ok")
			})
		}
	}
}

func TestCacheResize(t *testing.T) {
	for _, hosts := range hostCounts(1, 2, 3) {
		for _, backend := range backends {
			for _, transport := range transportsAmong(hosts) {
				env := []string{transport, "JIA_FAULT=" + backend}
				t.Run(fmt.Sprintf("%s/hosts=%d", strings.Join(env, ","), hosts), func(t *testing.T) {
					job{program: "cache", args: []string{"resize"}, hosts: hosts, env: env}.run(t).good(t, "cache: resize")
					job{program: "cache", args: []string{"threads", "1"}, hosts: hosts, env: env}.run(t).good(t, "cache: threads")
				})
			}
		}
	}
}

// Data of 32 MiB, of which a host keeps 8 and may hold one more.
func TestDataLargerThanTheCache(t *testing.T) {
	for _, backend := range backends {
		for _, transport := range transports {
			env := []string{transport, "JIA_FAULT=" + backend, "JIA_CACHE_SIZE=1M"}
			t.Run(strings.Join(env, ","), func(t *testing.T) {
				job{program: "cache", args: []string{"sweep", "32", "2"}, hosts: 4, env: env}.run(t).good(t, "cache: sweep")
			})
		}
	}
}

// The same, with a kernel that would kill a host which takes more than half of the data.
func TestDataLargerThanAHostsMemory(t *testing.T) {
	const data, limit = 256, 128 // MiB
	group := memoryGroups(t, 4, limit<<20)
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			job{program: "cache", args: []string{"sweep", fmt.Sprint(data), "1", group}, hosts: 4, deadline: 3 * time.Minute,
				env: []string{transport, "JIA_CACHE_SIZE=8M"}}.run(t).good(t, "cache: sweep")
		})
	}
	t.Run("unbounded", func(t *testing.T) {
		r := job{program: "cache", args: []string{"sweep", fmt.Sprint(data), "1", group}, hosts: 4, deadline: 3 * time.Minute,
			env: []string{overTCP, "JIA_CACHE_SIZE=1G"}}.run(t)
		if r.status == 0 || strings.Contains(r.stderr, "cache: ") {
			t.Errorf("a cache without a bound fits into %d MiB: the limit limits nothing\n%s", limit, r.stderr)
		}
	})
}

// memoryGroups makes control groups with a limit on their memory, each, and returns their common path, to which a number belongs.
func memoryGroups(t *testing.T, count, bytes int) string {
	t.Helper()
	base, file := "/sys/fs/cgroup", "memory.max"
	if _, err := os.Stat("/sys/fs/cgroup/memory/memory.limit_in_bytes"); err == nil {
		base, file = "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
	}
	path := filepath.Join(base, "jia-test-"+newTag()+"-")
	for i := range count {
		dir := fmt.Sprint(path, i)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Skipf("no control groups can be made: %v", err)
		}
		t.Cleanup(func() {
			if err := os.Remove(dir); err != nil {
				t.Error(err)
			}
		})
		if err := os.WriteFile(filepath.Join(dir, file), fmt.Append(nil, bytes), 0o644); err != nil {
			t.Skipf("no memory can be limited: %v", err)
		}
	}
	return path
}

func TestCacheThatIsTooSmall(t *testing.T) {
	for _, hosts := range hostCounts(1, 2) {
		job{program: "cache", args: []string{"resize"}, hosts: hosts, env: []string{"JIA_CACHE_SIZE=65535"}}.run(t).
			failed(t, "a page cache of 65535 bytes is smaller than the library needs: 65536 bytes, 16 pages of 4096", "JIA_CACHE_SIZE")
	}
	job{program: "cache", args: []string{"resize"}, hosts: 2, env: []string{"JIA_CACHE_SIZE=little"}}.run(t).failed(t, "JIA_CACHE_SIZE", "little")
}

func TestCacheSizeIsSaid(t *testing.T) {
	for env, want := range map[string]string{"JIA_CACHE_SIZE=2M": "a page cache of 2 MiB: as JIA_CACHE_SIZE says",
		"JIA_STATS=0": " of this "} {
		r := job{program: "misuse", args: []string{"nothing"}, hosts: 2, env: []string{env, "JIA_LOG=info"}}.run(t)
		line := ""
		for l := range strings.Lines(r.stderr) {
			if strings.Contains(l, "host 1: info: a page cache of ") {
				line = l
			}
		}
		if r.status != 0 || !strings.Contains(line, want) {
			t.Errorf("%s: %q", env, r.stderr)
		}
	}
}
