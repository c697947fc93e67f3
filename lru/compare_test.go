package lru

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table into docs/memory.md")

// result is what one trace comes to: hit ratios.
type result struct {
	trace                                         *trace
	fifo, faultLRU, clock, lru, ours, ahead, best float64
	local                                         float64 // faults of probed pages, for each access
}

func replay(t *trace, p policy) float64 {
	hits := 0
	for i, a := range t.accesses {
		if p.access(i, a) {
			hits++
		}
	}
	return float64(hits) / float64(len(t.accesses))
}

func compare(t *trace) result {
	fifo, lru := newFaultLRU(t), newFaultLRU(t)
	fifo.none, lru.all = true, true
	o := newOurs(t, 1, 1)
	r := result{trace: t, fifo: replay(t, fifo), faultLRU: replay(t, newFaultLRU(t)), clock: replay(t, newClock(t)), lru: replay(t, lru),
		ours: replay(t, o), ahead: replay(t, newOurs(t, max(1, t.cache/8), max(1, min(64, t.cache/16)))), best: replay(t, newBelady(t))}
	r.local = float64(o.faults) / float64(len(t.accesses))
	return r
}

func inWords(results []result) string {
	var b strings.Builder
	b.WriteString("| trace | pages | cache | FIFO | fault order | CLOCK | LRU | this cache | ahead of need | optimum | of it | local faults |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range results {
		fmt.Fprintf(&b, "| %s | %d | %d | %.1f | %.1f | %.1f | %.1f | **%.1f** | %.1f | %.1f | %.0f %% | %.1f |\n", r.trace.name,
			r.trace.distinct(), r.trace.cache, 100*r.fifo, 100*r.faultLRU, 100*r.clock, 100*r.lru, 100*r.ours, 100*r.ahead, 100*r.best, 100*r.ours/r.best, 100*r.local)
	}
	return b.String()
}

// TestPolicies compares policies on the same traces, prints the table of docs/memory.md, and holds the cache to what is
// promised of it.
func TestPolicies(t *testing.T) {
	var results []result
	for _, tr := range append(drawnTraces(), recordedTraces(t)...) {
		r := compare(tr)
		results = append(results, r)
		if strings.HasPrefix(tr.name, "Zipf 1") && r.ahead < 0.85*r.best {
			t.Errorf("%s: hit ratio %.3f is not within 15 %% of the optimum, %.3f", tr.name, r.ahead, r.best)
		}
		if strings.Contains(tr.name, "scan") && r.ahead <= r.faultLRU {
			t.Errorf("%s: hit ratio %.3f is not better than that of fault order, %.3f", tr.name, r.ours, r.faultLRU)
		}
	}
	text := inWords(results)
	t.Log("\n" + text)
	const file, begin, end = "../docs/memory.md", "<!-- go test ./lru -run TestPolicies -update -->\n", "<!-- end -->\n"
	doc, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(doc), begin)
	old, after, ok := strings.Cut(rest, end)
	switch {
	case !ok:
		t.Errorf("%s has no place for the table, between %q and %q", file, begin, end)
	case old != text && *update:
		if err := os.WriteFile(file, []byte(before+begin+text+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	case old != text:
		t.Errorf("the table in %s is another one: look at this one, then run with -update", file)
	}
}
