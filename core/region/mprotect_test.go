package region_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"jiajia/core/region"
	"jiajia/core/region/regiontest"
)

// mappings counts the kernel's mappings of the application view.
func mappings(t *testing.T, h *host) int {
	f, err := os.Open("/proc/self/maps")
	must(t, err)
	defer f.Close()
	count := 0
	end := uint64(base) + h.Pages()*uint64(h.PageSize())
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var lo, hi uint64
		if n, _ := fmt.Sscanf(lines.Text(), "%x-%x", &lo, &hi); n == 2 && lo < end && uint64(base) < hi {
			count++
		}
	}
	return count
}

// The count of mappings is exact, whatever was done, and stays below the budget.
func TestMprotectCountsItsMappings(t *testing.T) {
	const pages, budget = 100, 30
	h := openHost(t, region.Mprotect, pages, 4096)
	h.SetSplitBudget(budget)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for step := range 500 {
		page := rng.Uint64N(pages)
		n := 1 + rng.Uint64N(min(5, pages-page))
		switch rng.IntN(5) {
		case 0:
			must(t, h.Map(page, n, region.ReadOnly))
		case 1:
			must(t, h.MapFresh(page, n))
		case 2:
			must(t, h.Protect(page, n))
		case 3:
			must(t, h.Unmap(page, n))
		case 4:
			regiontest.Store(h.addr(page), 1)
		}
		if got, want := h.Splits()+1, mappings(t, h); got != want || got > budget+1 {
			t.Fatalf("step %d: %d mappings counted, the kernel has %d, budget %d", step, got, want, budget)
		}
	}
}

// Pages that are kept have the access that was given to them last, whatever the budget makes the backend take away.
func TestMprotectKeepsAccess(t *testing.T) {
	const pages, budget = 100, 20
	h := openHost(t, region.Mprotect, pages, 4096)
	h.SetSplitBudget(budget)
	spans := []region.Span{{Page: 50, Count: 3}, {Page: 10, Count: 4}, {Page: 12, Count: 5}, {Page: 99, Count: 1}}
	kept := make([]bool, pages)
	for _, s := range spans {
		must(t, h.Map(s.Page, s.Count, region.ReadWrite))
		for p := s.Page; p < s.Page+s.Count; p++ {
			kept[p] = true
		}
	}
	h.Keep(spans)
	h.faults()
	for round := range 3 {
		for p := uint64(round); p < pages; p += 2 {
			if !kept[p] {
				must(t, h.Map(p, 1, region.ReadOnly))
			}
			if got, want := h.Splits()+1, mappings(t, h); got != want {
				t.Fatalf("round %d, page %d: %d mappings counted, the kernel has %d", round, p, got, want)
			}
		}
		for p := range uint64(pages) {
			if kept[p] {
				regiontest.Store(h.addr(p), 1)
			}
		}
	}
	h.expectFaults(t, "stores to pages that are kept", 0, 0)
}
