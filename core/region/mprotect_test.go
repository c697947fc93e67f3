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
