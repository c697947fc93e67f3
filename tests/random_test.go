package tests

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "run the random program of this seed only; 0: fixed and fresh ones")
	runsFlag  = flag.Int("seeds", 2, "how many seeds for each number of hosts, backend and transport")
	hostsFlag = flag.Int("hosts", 0, "run the random programs on so many hosts only; 0: 1 to 16")
)

// backends are the values of JIA_FAULT that every correct program must run under.
var backends = []string{"uffd", "mprotect"}

// knownSeeds is how many random programs are the same every time. They take turns, so that few runs have seen all of them.
const knownSeeds = 3

var turn uint64

// seeds returns what the random programs are drawn from: the next of the known ones, and one that is fresh.
func seeds(n int) []uint64 {
	if *seedFlag != 0 {
		return []uint64{*seedFlag}
	}
	var all []uint64
	for range n - 1 {
		all = append(all, turn%knownSeeds+1)
		turn++
	}
	return append(all, rand.Uint64N(1e9)+1000)
}

// crossed pairs each backend with a transport, for tests that need not see every backend over every transport.
func crossed() [][]string {
	return [][]string{{overMemory, "JIA_FAULT=uffd"}, {overTCP, "JIA_FAULT=mprotect"}}
}

func hostCounts(counts ...int) []int {
	if *hostsFlag != 0 {
		return []int{*hostsFlag}
	}
	if testing.Short() && len(counts) > 2 {
		return []int{1, 4}
	}
	return counts
}

func seedCount() int {
	if testing.Short() {
		return 1
	}
	return *runsFlag
}

func TestRandomProgram(t *testing.T) {
	for _, hosts := range hostCounts(1, 2, 3, 4, 6, 8, 16) {
		for _, backend := range backends {
			for _, transport := range transportsAmong(hosts) {
				for _, seed := range seeds(seedCount()) {
					randomJob(t, job{hosts: hosts, env: []string{transport, "JIA_FAULT=" + backend}}, seed)
				}
			}
		}
	}
}

func randomJob(t *testing.T, j job, seed uint64) {
	t.Helper()
	j.program, j.args = "random", []string{fmt.Sprint(seed)}
	t.Run(fmt.Sprintf("%s/hosts=%d/seed=%d", strings.Join(j.env, ","), j.hosts, seed), func(t *testing.T) {
		r := j.start(t)
		r.wait().good(t, fmt.Sprintf("random: seed %d, %d host(s)", seed, j.hosts))
		r.nothingLeft()
	})
}

// Spinning changes who meets whom; on a small machine it is off by itself.
func TestRandomProgramSpinning(t *testing.T) {
	for _, spin := range []string{"on", "off"} {
		for _, transport := range transports {
			randomJob(t, job{hosts: 2, env: []string{transport, "JIA_SPIN=" + spin}}, seeds(1)[0])
		}
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can become another user; as it is, every test here runs as an ordinary one")
	}
}

func TestRandomProgramAsOrdinaryUser(t *testing.T) {
	needRoot(t)
	for _, hosts := range hostCounts(1, 2, 4) {
		for _, backend := range append([]string{"auto"}, backends...) {
			for _, transport := range transportsAmong(hosts) {
				randomJob(t, job{hosts: hosts, user: true, env: []string{transport, "JIA_FAULT=" + backend}}, seeds(1)[0])
			}
		}
	}
}

// Container runtimes refuse userfaultfd with EPERM.
func TestRandomProgramWithoutUserfaultfd(t *testing.T) {
	for _, user := range []bool{false, true} {
		if user && os.Getuid() != 0 {
			continue
		}
		for _, seed := range seeds(seedCount()) {
			randomJob(t, job{hosts: 4, user: user, wrap: []string{filepath.Join(built, "nouffd")}}, seed)
		}
	}
}

func TestBackendIsChosen(t *testing.T) {
	filter := []string{filepath.Join(built, "nouffd")}
	for _, test := range []struct {
		name  string
		fault string
		wrap  []string
		user  bool
		want  string // "" for an error
	}{
		{"the better one where it works", "auto", nil, false, "uffd"},
		{"the better one for an ordinary user too", "auto", nil, true, "uffd"},
		{"the other one on request", "mprotect", nil, false, "mprotect"},
		{"the other one by itself where userfaultfd is refused", "auto", filter, false, "mprotect"},
		{"the same for an ordinary user", "auto", filter, true, "mprotect"},
		{"no other one where userfaultfd is demanded", "uffd", filter, false, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			result := job{program: "backend", hosts: 2, wrap: test.wrap, user: test.user,
				env: []string{"JIA_FAULT=" + test.fault}}.run(t)
			if test.want == "" {
				result.failed(t, "host", "userfaultfd", "mprotect")
			} else {
				result.good(t, "backend: "+test.want)
			}
		})
	}
}
