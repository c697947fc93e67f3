package lab

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Read misses over TCP and over RDMA, beside perftest's bare reads in the same virtual machine. Figures of emulated processors
// are printed and not judged; that no processor of the home serves a read is.
func TestFigures(t *testing.T) {
	medians := make(map[string]float64)
	for _, comm := range []string{"tcp", "rdma"} {
		report := filepath.Join(t.TempDir(), "stats.json")
		stdout := job{program: "miss", hosts: 2, comm: comm, env: []string{"JIA_STATS=" + report}}.run(t).good()
		var median, p99 float64
		if _, err := fmt.Sscan(stdout, &median, &p99); err != nil {
			t.Fatalf("%v in %q", err, stdout)
		}
		medians[comm] = median
		t.Logf("read miss over %s: median %.0f us, 99 %% %.0f us", comm, median, p99)
		stats := total(t, report)
		if comm == "rdma" && (stats["pages_served"] != 0 || stats["pages_read"] < 1000) {
			t.Errorf("over rdma homes served %.0f pages, and %.0f were read without them", stats["pages_served"], stats["pages_read"])
		}
	}
	bare := perftest(t, "ib_read_lat", "-n", "1000")
	t.Logf("ib_read_lat of 4 KiB: typically %.0f us; a miss over rdma: %.2f times that; over tcp: %.2f times as long as over rdma",
		bare, medians["rdma"]/bare, medians["tcp"]/medians["rdma"])
	t.Logf("ib_read_bw of 4 KiB: %.0f MiB/s", perftest(t, "ib_read_bw", "-n", "2000"))
}

// total returns the sums of a job's statistics.
func total(t *testing.T, path string) map[string]float64 {
	t.Helper()
	text, err := os.ReadFile(path)
	var stats struct{ Total map[string]float64 }
	if err == nil {
		err = json.Unmarshal(text, &stats)
	}
	if err != nil {
		t.Fatal(err)
	}
	return stats.Total
}

// perftest runs one of the perftest programs from the second machine against the first, for 4 KiB, and returns its main figure: the
// typical latency in us, or the average bandwidth in MiB/s.
func perftest(t *testing.T, program string, args ...string) float64 {
	t.Helper()
	args = append(args, "-x", "1", "-s", "4096", "-F")
	server := exec.Command(program, append(args, "-d", "rxe0")...)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Wait() }()
	defer func() { _ = server.Process.Kill() }()
	// It listens on a port that this file knows, in hexadecimal.
	for until := time.Now().Add(deadline); ; time.Sleep(10 * time.Millisecond) {
		tables := ""
		for _, name := range []string{"tcp", "tcp6"} {
			text, err := os.ReadFile("/proc/net/" + name)
			if err != nil {
				t.Fatal(err)
			}
			tables += string(text)
		}
		const port = ":4853 " // 18515, perftest's own
		if strings.Contains(tables, port) {
			break
		}
		if time.Now().After(until) {
			t.Fatalf("%s does not listen", program)
		}
	}
	text, err := exec.Command(program, append(args, "-d", "rxe1", machines[0].address)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", program, err, text)
	}
	// Bytes, iterations, then for latencies the least, the most and the typical one; for bandwidths the peak and the average.
	line := regexp.MustCompile(`(?m)^ *4096 .*$`).FindString(string(text))
	column := map[string]int{"ib_read_lat": 4, "ib_read_bw": 3}[program]
	if fields := strings.Fields(line); len(fields) > column {
		if figure, err := strconv.ParseFloat(fields[column], 64); err == nil {
			return figure
		}
	}
	t.Fatalf("%s: no figures in\n%s", program, text)
	return 0
}
