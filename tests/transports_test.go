package tests

import (
	"strings"
	"testing"
)

// TestTransports runs a program over each transport of one machine, and says how its hosts reach each other.
func TestTransports(t *testing.T) {
	for _, test := range []struct{ env, says string }{
		{"JIA_SHM=on", "reaches hosts 1-2 by shared memory"},
		{"JIA_SHM=0", "reaches hosts 1-2 by "}, // by RDMA, if the machine has it
		{"JIA_COMM_TYPE=tcp", "transport TCP at 127.0.0.1:"},
	} {
		for _, backend := range backends {
			r := job{program: "sor", args: []string{"62", "63", "20"}, hosts: 3, env: []string{test.env, "JIA_FAULT=" + backend, "JIA_LOG=info"}}.run(t)
			if r.status != 0 || !strings.Contains(r.stdout, ": ok, ") || !strings.Contains(r.stderr, "host 0: info: "+test.says) {
				t.Errorf("%v: %s\n%s\n%s", r.job, describe(r.status), tail(r.stdout), tail(r.stderr))
			}
		}
	}
}

// TestNoRDMA insists on RDMA: it is there, or one line names a pair of hosts and what they lack.
func TestNoRDMA(t *testing.T) {
	r := job{program: "misuse", args: []string{"nothing"}, hosts: 2, env: []string{"JIA_COMM_TYPE=rdma"}}.run(t)
	if r.status == 0 {
		r.good(t, "")
		return
	}
	r.failed(t, "JIA_COMM_TYPE is rdma, but hosts 0 and 1 cannot reach each other by RDMA: host ", "JIA_COMM_TYPE=auto")
}
