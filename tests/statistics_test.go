package tests

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The program knows beforehand what the numbers must be, when each fault fetches one page and each page takes a message.
func TestStatisticsAreExact(t *testing.T) {
	for _, backend := range backends {
		for range 3 {
			job{program: "statistics", hosts: 2, env: []string{overTCP, "JIA_FAULT=" + backend, "JIA_PREFETCH=off"}}.run(t).good(t, "statistics: ok")
		}
	}
}

// statsFields returns the members of jia_stats_t behind the size, in the order of the header.
func statsFields(t *testing.T) (names []string) {
	t.Helper()
	header, err := os.ReadFile("../include/jia.h")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(header), "typedef struct jia_stats {")
	body, _, ok := strings.Cut(rest, "} jia_stats_t;")
	for _, m := range regexp.MustCompile(`(?m)^\t(double|unsigned long) (\w+);`).FindAllStringSubmatch(body, -1) {
		if strings.HasPrefix(m[2], "seconds_") != (m[1] == "double") {
			t.Errorf("%s is of type %s", m[2], m[1])
		}
		names = append(names, m[2])
	}
	if !ok || len(names) < 20 {
		t.Fatalf("found only %d members of jia_stats_t", len(names))
	}
	return names
}

// readStats reads the file that a job of so many hosts has written, and checks what is true of every job.
func readStats(t *testing.T, r *running, name string, hosts int) []map[string]float64 {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	var stats struct {
		Hosts   int
		Total   map[string]float64
		PerHost []map[string]float64 `json:"per_host"`
	}
	if err := json.Unmarshal(text, &stats); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if stats.Hosts != hosts || len(stats.PerHost) != hosts {
		t.Fatalf("%v: %d hosts, %d of them listed", r.job, stats.Hosts, len(stats.PerHost))
	}
	keys := regexp.MustCompile(`"(\w+)": [0-9]`).FindAllStringSubmatch(strings.Split(string(text), "\n")[2], -1)
	for i, name := range statsFields(t) {
		if i >= len(keys) || keys[i][1] != name {
			t.Fatalf("key %d of the total is not %s:\n%s", i, name, text)
		}
		sum := 0.0
		for _, h := range stats.PerHost {
			sum += h[name]
		}
		if math.Abs(sum-stats.Total[name]) > 1e-6 {
			t.Errorf("%v: %s: the hosts have %v, the total is %v", r.job, name, sum, stats.Total[name])
		}
	}
	for _, sum := range [][3]string{{"pages_fetched", "pages_served", "pages_read"}, {"diffs_sent", "diffs_received", "diffs_written"},
		{"messages_sent", "messages_received"}, {"message_bytes_sent", "message_bytes_received"}} {
		if stats.Total[sum[0]] != stats.Total[sum[1]]+stats.Total[sum[2]] {
			t.Errorf("%v: %s is %v, %s is %v, %s is %v", r.job, sum[0], stats.Total[sum[0]], sum[1], stats.Total[sum[1]], sum[2], stats.Total[sum[2]])
		}
	}
	if sent, came := stats.Total["diff_bytes_sent"], stats.Total["diff_bytes_received"]; sent < came || sent > came && stats.Total["diffs_written"] == 0 {
		t.Errorf("%v: %v bytes of diffs sent, %v received, %v diffs written directly", r.job, sent, came, stats.Total["diffs_written"])
	}
	for i, h := range stats.PerHost {
		parts := h["seconds_computing"] + h["seconds_faulting"] + h["seconds_locks"] + h["seconds_barriers"] + h["seconds_messages"] +
			h["seconds_waiting"]
		if h["host"] != float64(i) || math.Abs(parts-h["seconds_elapsed"]) > 1e-6 || h["seconds_computing"] < 0 {
			t.Errorf("%v: line %d: host %v, %v s elapsed, their parts are %v s", r.job, i, h["host"], h["seconds_elapsed"], parts)
		}
	}
	return stats.PerHost
}

func TestStatisticsOfManyHostsFit(t *testing.T) {
	for _, test := range []struct {
		program string
		args    string
		hosts   []int
	}{
		{"sor", "62 63 20", []int{1, 2, 3, 5, 16}},
		{"water", "64 3", []int{4}},
		{"tsp", "10", []int{4}},
		{"random", "3", []int{2, 6}}, // several threads a host
		{"messages", "", []int{1, 4}},
		{"collectives", "", []int{5}},
		{"dividing", "balance", []int{3}},
	} {
		for _, hosts := range hostCounts(test.hosts...) {
			for _, transport := range transportsAmong(hosts) {
				t.Run(fmt.Sprintf("%s/%s/hosts=%d", test.program, transport, hosts), func(t *testing.T) {
					r := job{program: test.program, args: strings.Fields(test.args), hosts: hosts, env: []string{transport, "JIA_STATS=out.json"}}.start(t)
					r.wait().good(t, "ok")
					fetched, direct := 0.0, 0.0
					for _, h := range readStats(t, r, "out.json", hosts) {
						fetched += h["pages_fetched"] + h["diffs_sent"]
						direct += h["pages_read"] + h["diffs_written"]
					}
					if transport == overTCP && direct != 0 || transport == overMemory && fetched > 0 && direct == 0 {
						t.Errorf("%v of %v pages and diffs went without the home's processor", direct, fetched)
					}
					r.nothingLeft("out.json")
				})
			}
		}
	}
}

func TestStatisticsTable(t *testing.T) {
	for hosts, columns := range map[int]string{1: "", 2: "host 0 host 1 total", 4: "host 0 host 1 host 2 host 3 total",
		9: "least median most on host total"} {
		result := job{program: "sor", args: []string{"62", "63", "20"}, hosts: hosts, env: []string{"JIA_STATS=1"}}.run(t)
		if result.status != 0 || !strings.Contains(result.stdout, ": ok, ") {
			t.Errorf("%v: %s\n%s", result.job, describe(result.status), tail(result.stdout))
		}
		lines := strings.Split(strings.TrimSuffix(result.stderr, "\n"), "\n")
		plural := map[bool]string{false: "s"}[hosts == 1]
		if lines[0] != fmt.Sprintf("jia: statistics of %d host%s", hosts, plural) {
			t.Errorf("%d hosts: the table begins with %q", hosts, lines[0])
		}
		lines = lines[1:]
		if columns != "" {
			if got := strings.Join(strings.Fields(lines[0]), " "); got != columns {
				t.Errorf("%d hosts: columns %q, want %q", hosts, got, columns)
			}
			lines = lines[1:]
		}
		if len(lines) != len(statsFields(t)) {
			t.Errorf("%d hosts: %d lines for %d numbers:\n%s", hosts, len(lines), len(statsFields(t)), result.stderr)
		}
	}
}

// A job that was ended has no statistics to show, and one line on standard error as ever.
func TestNoStatisticsOfAFailedJob(t *testing.T) {
	r := job{program: "misuse", args: []string{"lock_negative"}, hosts: 2, env: []string{"JIA_STATS=1"}}.start(t)
	r.wait().failed(t, "jia_lock(-3)")
	r = job{program: "misuse", args: []string{"lock_negative"}, hosts: 2, env: []string{"JIA_STATS=out.json"}}.start(t)
	r.wait().failed(t, "jia_lock(-3)")
	r.nothingLeft()
}

func TestStatisticsThatCannotBeWritten(t *testing.T) {
	for _, level := range []string{"warn", "error"} {
		result := job{program: "sor", args: []string{"62", "63", "20"}, hosts: 2,
			env: []string{"JIA_STATS=no/such/folder/out.json", "JIA_LOG=" + level}}.run(t)
		if result.status != 0 || !strings.Contains(result.stdout, ": ok, ") {
			t.Errorf("%v: %s\n%s", result.job, describe(result.status), tail(result.stdout))
		}
		warning := regexp.MustCompile(`^jia: host 0: warn: .*no/such/folder/out\.json.*JIA_STATS\n$`)
		if level == "error" {
			warning = regexp.MustCompile(`^$`)
		}
		if !warning.MatchString(result.stderr) {
			t.Errorf("JIA_LOG=%s: the warning is %q", level, result.stderr)
		}
	}
}

func TestLog(t *testing.T) {
	const hosts = 3
	for _, test := range []struct {
		level  string
		levels string // of lines, a pattern
		hears  []string
		not    []string
	}{
		{"error", "", nil, []string{"jia: "}},
		{"warn", "warn", nil, []string{"jia: "}},
		{"info", "info", []string{"fault backend mprotect: asked for by name", "region 1 TiB at 0x400000000000", "transport TCP at 127.0.0.1:", "for all hosts",
			"jiajia 3.", "3 host(s)"}, []string{"jia_barrier", "connected"}},
		{"debug", "info|debug", []string{"jia_barrier: ", "jia_exit: ", "mailbox connection", "barrier link", "service connection"}, nil},
	} {
		result := job{program: "sor", args: []string{"62", "63", "20"}, hosts: hosts,
			env: []string{"JIA_LOG=" + test.level, "JIA_FAULT=mprotect", "JIA_COMM_TYPE=tcp"}}.run(t)
		if result.status != 0 || !strings.Contains(result.stdout, ": ok, ") {
			t.Errorf("%v: %s\n%s", result.job, describe(result.status), tail(result.stdout))
		}
		line := regexp.MustCompile(`^jia: host ([0-2]): (` + test.levels + `): \S.*$`)
		var by [hosts]strings.Builder
		for _, l := range strings.Split(strings.TrimSuffix(result.stderr, "\n"), "\n") {
			m := line.FindStringSubmatch(l)
			switch {
			case m != nil:
				by[m[1][0]-'0'].WriteString(l + "\n")
			case l != "":
				t.Errorf("JIA_LOG=%s: a line %q", test.level, l)
			}
		}
		for host := range by {
			for _, part := range test.hears {
				if !strings.Contains(by[host].String(), part) {
					t.Errorf("JIA_LOG=%s: host %d does not say %q:\n%s", test.level, host, part, tail(by[host].String()))
				}
			}
		}
		for _, part := range test.not {
			if strings.Contains(result.stderr, part) {
				t.Errorf("JIA_LOG=%s says %q", test.level, part)
			}
		}
	}
}

func TestLogRefusesOtherLevels(t *testing.T) {
	job{program: "sor", hosts: 2, env: []string{"JIA_LOG=loud"}}.run(t).failed(t, "JIA_LOG", "loud", "debug")
	job{program: "sor", hosts: 2, env: []string{"JIA_STATS=run.txt"}}.run(t).failed(t, "JIA_STATS", "run.txt", ".json")
}
