//go:build rdma

package rdma

import (
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"jiajia/core/node"
	"jiajia/core/node/nodetest"
	"jiajia/core/wire"
)

// held counts what this process holds: of devices as the kernel counts it, and descriptors.
func held(t *testing.T) map[string]int {
	t.Helper()
	out, err := exec.Command("rdma", "-j", "res", "show").Output()
	if err != nil {
		t.Skipf("rdma res show (package iproute2): %v", err)
	}
	var list []map[string]any
	if err := json.Unmarshal(out, &list); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	sum := make(map[string]int)
	for _, device := range list {
		for what, n := range device {
			if n, ok := n.(float64); ok && what != "ifindex" {
				sum[what] += int(n)
			}
		}
	}
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	sum["descriptors"] = len(fds)
	return sum
}

// TestNoLeaks makes and ends a job of two hosts a thousand times, now and then with all kinds of connections.
func TestNoLeaks(t *testing.T) {
	devices(t)
	jobs := 1000
	if testing.Short() {
		jobs = 50
	}
	memory := shared(t, 2*nodetest.PageSize)
	round := func(i int) {
		ts := start(t, []node.Handler{deaf{}, deaf{}}, func(o *Options) { o.Memory = memory })
		if i%20 == 0 {
			box, err := ts[1].OpenMailbox(1)
			if err != nil {
				t.Fatal(err)
			}
			if err := ts[0].Publish([]node.Span{{Page: 1, Count: 1}}); err != nil {
				t.Fatal(err)
			}
			if ok, err := box.Read(0, []wire.PageID{1}, [][]byte{make([]byte, nodetest.PageSize)}); !ok || err != nil {
				t.Fatalf("read: %v, %v", ok, err)
			}
			if err := ts[0].SendData(1, &wire.Message{Type: wire.Data, From: 0}); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error)
			go func() {
				_, err := ts[0].OpenLink(1)
				ended <- err
			}()
			if _, err := ts[1].OpenLink(0); err != nil {
				t.Fatal(err)
			}
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
		}
		for _, tr := range ts {
			if err := tr.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	round(0)
	before := held(t)
	for i := range jobs {
		round(i)
	}
	after := held(t)
	t.Logf("before %v, after %v", before, after)
	for what, n := range after {
		if n > before[what] {
			t.Errorf("%d %s are left of %d jobs, where there were %d", n, what, jobs, before[what])
		}
	}
}
