package tests

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The program knows what must be counted under each name, when each fault fetches one page.
func TestStatisticsByName(t *testing.T) {
	for _, backend := range backends {
		for _, transport := range []string{overMemory, overTCP} {
			t.Run(backend+"/"+transport, func(t *testing.T) {
				r := job{program: "named", hosts: 2, env: []string{transport, "JIA_FAULT=" + backend, "JIA_PREFETCH=off", "JIA_STATS=out.json"}}.start(t)
				r.wait().good(t, "named: ok")
				all := readStats(t, r, "out.json", 2)
				text, err := os.ReadFile(filepath.Join(r.dir, "out.json"))
				if err != nil {
					t.Fatal(err)
				}
				var got struct {
					Named []struct {
						Name    string
						Total   map[string]float64
						PerHost []map[string]float64 `json:"per_host"`
					}
				}
				if err := json.Unmarshal(text, &got); err != nil {
					t.Fatal(err)
				}
				if len(got.Named) != 2 || got.Named[0].Name != "busy" || got.Named[1].Name != `quiet "array"` {
					t.Fatalf("names in\n%s", text)
				}
				busy, quiet := got.Named[0], got.Named[1]
				if waited := busy.Total["seconds_faulting"]; waited <= 0 || waited > all[0]["seconds_faulting"]+all[1]["seconds_faulting"] {
					t.Errorf("%v s of waiting for pages of the array, all in all %v and %v s", waited, all[0]["seconds_faulting"], all[1]["seconds_faulting"])
				}
				if len(busy.PerHost) != 2 || len(quiet.PerHost) != 0 {
					t.Fatalf("%d and %d hosts in\n%s", len(busy.PerHost), len(quiet.PerHost), text)
				}
				counts := func(r map[string]float64) string {
					return fmt.Sprint(r["read_faults"], r["write_faults"], r["pages_fetched"], r["pages_invalidated"], r["diffs_sent"])
				}
				shown := []string{counts(busy.PerHost[1]), counts(all[1])}
				// Twice for the named array, and once more for the nameless one. Where host 1 reads directly, host 0 cannot tell at the
				// first barrier which pages it has written after they were read.
				want := []string{"32 10 32 4 10", "48 15 48 6 15"}
				if transport == overMemory {
					want = []string{"32 10 32 32 10", "48 15 48 48 15"}
				}
				if diff := cmp.Diff(want, shown); diff != "" {
					t.Errorf("(-want +got):\n%s\n%s", diff, text)
				}
				r.nothingLeft("out.json")
			})
		}
	}
}

func TestStatisticsByNameInTheTable(t *testing.T) {
	result := job{program: "named", hosts: 2, env: []string{overTCP, "JIA_PREFETCH=off", "JIA_STATS=1"}}.run(t)
	if result.status != 0 {
		t.Fatalf("%v: %s\n%s", result.job, describe(result.status), tail(result.stderr))
	}
	_, table, _ := strings.Cut(result.stderr, "jia: statistics by name of allocation, all hosts\n")
	lines := strings.Split(strings.TrimSuffix(table, "\n"), "\n")
	if len(lines) != 3 || strings.Join(strings.Fields(lines[0]), " ") != "waiting, s read faults write faults fetched invalidated diffs sent" ||
		!strings.HasPrefix(lines[1], "  busy ") || !strings.HasPrefix(lines[2], `  quiet "array" `) {
		t.Errorf("the table by name is\n%s", table)
	}
	if got := strings.Fields(lines[1])[4:]; strings.Join(got, " ") != "32 4 10" {
		t.Errorf("fetched, invalidated, diffs sent: %v\n%s", got, table)
	}
}
