package ssh

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// BenchmarkLaunch runs whole jobs beside a bare "ssh host true", in turns, so that a noisy machine is noisy for all of them. It
// reports the median of each in ms, and how many times the bare connection the jobs over ssh take.
func BenchmarkLaunch(b *testing.B) {
	n := need(b)
	job := func(hosts string) func() error {
		return func() error {
			if text, err := n.job(b, hosts).CombinedOutput(); err != nil {
				return fmt.Errorf("%w: %s", err, text)
			}
			return nil
		}
	}
	runs := []struct {
		name string
		do   func() error
		took []time.Duration
	}{
		{name: "bare-ssh", do: func() error {
			return n.machines[0].do("ssh", "-F", filepath.Join(n.dir, "config"), "node2", "true")
		}},
		{name: "1-local", do: job("localhost\n")},
		{name: "8-local", do: job("localhost slots=8\n")},
		{name: "1+1-ssh", do: job("localhost\nnode2\n")},
		{name: "4+4-ssh", do: job("localhost slots=4\nnode2 slots=4\n")},
		{name: "1+4+3-ssh", do: job("localhost\nnode2 slots=4\nnode3 slots=3\n")},
	}
	for b.Loop() {
		for i := range runs {
			since := time.Now()
			if err := runs[i].do(); err != nil {
				b.Fatal(err)
			}
			runs[i].took = append(runs[i].took, time.Since(since))
		}
	}
	var bare float64
	for i, r := range runs {
		slices.Sort(r.took)
		median := float64(r.took[len(r.took)/2]) / 1e6
		b.ReportMetric(median, r.name+"-ms")
		if i == 0 {
			bare = median
		} else if i > 2 {
			b.ReportMetric(median/bare, r.name+"-ratio")
		}
	}
}
