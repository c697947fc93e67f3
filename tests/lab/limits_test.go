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

// The last machine has no RDMA device.
func TestMixedJob(t *testing.T) {
	last := machines[len(machines)-1]
	if !last.plain {
		t.Fatal("all machines have an RDMA device")
	}
	for _, one := range []struct {
		name string
		on   []*machine
		say  []string
	}{
		{"RDMA and TCP", []*machine{machines[0], machines[1], last}, []string{
			"host 0: info: reaches host 1 by RDMA (rxe0 port 1), host 2 by TCP",
			"host 1: info: reaches host 0 by RDMA (rxe1 port 1), host 2 by TCP",
			"host 2: info: reaches hosts 0-1 by TCP",
			"host 0: info: RDMA (rxe0 port 1) is not possible with host 2: there: ",
		}},
		{"shared memory, RDMA and TCP", []*machine{machines[0], machines[0], machines[1], last}, []string{
			"host 0: info: reaches host 1 by shared memory, host 2 by RDMA (rxe0 port 1), host 3 by TCP",
			"host 1: info: reaches host 0 by shared memory, host 2 by RDMA (rxe0 port 1), host 3 by TCP",
			"host 2: info: reaches hosts 0-1 by RDMA (rxe1 port 1), host 3 by TCP",
			"host 3: info: reaches hosts 0-2 by TCP",
		}},
	} {
		t.Run(one.name, func(t *testing.T) {
			r := job{program: "random", args: []string{"1"}, hosts: len(one.on), on: one.on, comm: "auto", env: []string{"JIA_LOG=info"}}.run(t)
			r.good()
			for _, line := range one.say {
				r.says(line)
			}
		})
	}
	t.Run("only RDMA", func(t *testing.T) {
		on := []*machine{machines[0], machines[1], last}
		r := job{program: "hello", args: []string{"5"}, hosts: len(on), on: on, comm: "rdma"}.run(t)
		t.Log(r.failed("rdma", "hosts 0 and 2", "host 2"))
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
