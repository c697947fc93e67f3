package lab

import (
	"strings"
	"testing"
)

// limited runs a program with 64 KiB of memory to lock, as most systems have it.
var limited = []string{"prlimit", "--memlock=65536:65536"}

func TestMemoryLockLimit(t *testing.T) {
	t.Run("rdma fails with what to do", func(t *testing.T) {
		r := job{program: "hello", args: []string{"5"}, hosts: 2, comm: "rdma", user: true, wrap: limited}.run(t)
		t.Log(r.failed("rdma", "ulimit -l"))
	})
	t.Run("auto takes TCP and says why", func(t *testing.T) {
		r := job{program: "hello", args: []string{"5"}, hosts: 2, comm: "auto", user: true, wrap: limited, env: []string{"JIA_LOG=info"}}.run(t)
		r.good()
		r.says("TCP")
		r.says("ulimit -l")
	})
	t.Run("auto is silent about it otherwise", func(t *testing.T) {
		job{program: "hello", args: []string{"5"}, hosts: 2, comm: "auto", user: true, wrap: limited}.run(t).good()
	})
}

func TestOrdinaryUser(t *testing.T) {
	job{program: "hello", args: []string{"5"}, hosts: 2, comm: "rdma", user: true}.run(t).good()
}

// The third host has no RDMA device.
func TestMixedJob(t *testing.T) {
	last := machines[len(machines)-1]
	if !last.plain {
		t.Fatal("all machines have an RDMA device")
	}
	on := []*machine{machines[0], machines[1], last}
	t.Run("auto", func(t *testing.T) {
		r := job{program: "random", args: []string{"1"}, hosts: 3, on: on, comm: "auto", env: []string{"JIA_LOG=info"}}.run(t)
		r.good()
		r.says("RDMA")
		r.says("TCP")
	})
	t.Run("rdma", func(t *testing.T) {
		r := job{program: "hello", args: []string{"5"}, hosts: 3, on: on, comm: "rdma"}.run(t)
		t.Log(r.failed("rdma", "host 2"))
	})
}

// says checks that some line of the library's has the part.
func (r *running) says(part string) {
	r.t.Helper()
	for _, line := range strings.Split(r.stderr(), "\n") {
		if strings.Contains(line, part) {
			r.t.Log(line)
			return
		}
	}
	r.t.Errorf("%v: nobody says %q\n%s", r.job, part, r.report())
}
