package tests

import (
	"fmt"
	"strings"
	"testing"
)

// Memory pools, through the program pools.

func TestPools(t *testing.T) {
	for _, what := range []string{"basics", "exhaust", "recycle", "forked"} {
		for _, backend := range backends {
			for _, hosts := range hostCounts(1, 2, 3, 8) {
				for _, transport := range transportsAmong(hosts) {
					t.Run(fmt.Sprintf("%s/%s/%s/hosts=%d", what, transport, backend, hosts), func(t *testing.T) {
						job{program: "pools", args: []string{what}, hosts: hosts, env: []string{transport, "JIA_FAULT=" + backend}}.run(t).
							good(t, "pools: "+what+": ok")
					})
				}
			}
		}
	}
}

// Guards change where objects lie, not what they are. What is exact about room is left out.
func TestPoolsWithGuards(t *testing.T) {
	for _, what := range []string{"recycle", "forked", "storm"} {
		for _, hosts := range hostCounts(1, 3) {
			job{program: "pools", args: []string{what}, hosts: hosts, env: []string{"JIA_POOL_CHECK=1"}}.run(t).good(t, ": ok")
		}
	}
}

// Four threads on each of eight hosts allocate objects of mixed sizes, and free them where they happen to be: no object overlaps another,
// and none is lost.
func TestPoolStorm(t *testing.T) {
	operations := "1000000"
	if testing.Short() {
		operations = "100000"
	}
	for _, transport := range transports {
		r := job{program: "pools", args: []string{"storm", operations}, hosts: 8, env: []string{transport}}.run(t)
		r.good(t, "pools: storm: ok")
		t.Log(strings.SplitN(r.stdout, "\n", 2)[0])
	}
	for _, placement := range []string{"1", "2"} {
		job{program: "pools", args: []string{"storm", "20000", placement}, hosts: 3}.run(t).good(t, "pools: storm: ok")
	}
}

// Each mistake ends the job with one line that names call, pool and what is wrong, with guards and without.
func TestPoolMistakes(t *testing.T) {
	const anywhere = "without and with guards"
	for _, test := range []struct {
		name   string
		guards string // with which the mistake is found
		says   string
	}{
		{"other_pool", anywhere, `pool "two": the address is not in this pool`},
		{"no_pool", anywhere, "jia_pool_free(77"},
		{"private", anywhere, "not in this pool"},
		{"interior", "0", "inside an object"},
		{"interior", "1", "no object begins there"},
		{"odd", anywhere, "inside an object"},
		{"interior_large", "0", "inside an object"},
		{"interior_large", "1", "no object begins there"},
		{"twice_large", "0", "no object begins there"},
		{"twice_large", "1", "free already"},
		{"twice", anywhere, "free already"},
		{"never", anywhere, "no object begins there"},
		{"interior_theirs", "0", "inside an object"},
		{"interior_theirs", "1", "no object begins there"},
		{"twice_theirs", anywhere, "free already"},
		{"realloc", anywhere, "jia_pool_realloc"},
		{"realloc_freed", anywhere, "jia_pool_realloc"},
		{"reset", anywhere, "jia_pool_reset(9)"},
		{"overrun", "1", "written past the end of this object of 100 bytes, at byte 100"},
		{"overrun_theirs", "1", "written past the end of this object of 100 bytes, at byte 104"},
		{"underrun", "1", "bytes before it were overwritten"},
	} {
		for _, guards := range []string{"0", "1"} {
			if test.guards != anywhere && test.guards != guards {
				continue
			}
			for _, hosts := range hostCounts(1, 2) {
				t.Run(fmt.Sprintf("%s/guards=%s/hosts=%d", test.name, guards, hosts), func(t *testing.T) {
					j := job{program: "pools", args: []string{"bad", test.name}, hosts: hosts, env: []string{"JIA_POOL_CHECK=" + guards}}
					line := j.run(t).failed(t, test.says)
					if test.name != "no_pool" && test.name != "reset" && !strings.Contains(line, `pool "`) {
						t.Errorf("the line does not name the pool: %s", line)
					}
				})
			}
		}
	}
}
