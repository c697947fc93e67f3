package tests

import (
	"fmt"
	"slices"
	"testing"
)

// orders are the patterns of programs/patterns.c. For each: how many times fewer misses read-ahead must leave at least; 1 where
// there is no order to find, 0 where threads race and the number is not certain.
var orders = []struct {
	name  string
	fewer float64
}{
	{"upwards", 4}, {"backwards", 4}, {"strided", 3}, {"columns", 2}, {"border", 1.5}, {"random", 1}, {"threads", 0}, {"mixed", 0},
}

func TestReadAheadKeepsValues(t *testing.T) {
	args := []string{"600", "3"}
	for _, order := range orders {
		args = append(args, order.name)
	}
	for _, backend := range backends {
		for _, hosts := range hostCounts(1, 2, 3, 5) {
			for _, prefetch := range []string{"off", "auto", "7"} {
				t.Run(fmt.Sprintf("%s/hosts=%d/%s", backend, hosts, prefetch), func(t *testing.T) {
					job{program: "patterns", args: args, hosts: hosts,
						env: []string{"JIA_FAULT=" + backend, "JIA_PREFETCH=" + prefetch}}.run(t).good(t, ": ok")
				})
			}
		}
	}
}

// What is read in order takes fewer misses with read-ahead, and what is not takes hardly more pages.
func TestReadAheadSparesMisses(t *testing.T) {
	if !slices.Contains(statsFields(t), "pages_ahead") {
		t.Skip("the statistics do not count pages fetched ahead")
	}
	for _, order := range orders {
		for _, hosts := range hostCounts(2, 3) {
			t.Run(fmt.Sprintf("%s/hosts=%d", order.name, hosts), func(t *testing.T) {
				var misses, pages [2]float64
				for i, prefetch := range []string{"off", "auto"} {
					r := job{program: "patterns", args: []string{"1200", "5", order.name}, hosts: hosts,
						env: []string{"JIA_PREFETCH=" + prefetch, "JIA_STATS=out.json"}}.start(t)
					r.wait().good(t, ": ok")
					for _, h := range readStats(t, r, "out.json", hosts) {
						misses[i] += h["pages_fetched"] - h["pages_ahead"]
						pages[i] += h["pages_fetched"]
						if prefetch == "off" && h["pages_ahead"]+h["pages_ahead_unused"] != 0 {
							t.Errorf("host %v fetched %v pages ahead with read-ahead off", h["host"], h["pages_ahead"])
						}
						if h["pages_ahead_unused"] > h["pages_ahead"] {
							t.Errorf("host %v: %v of %v pages ahead were not used", h["host"], h["pages_ahead_unused"], h["pages_ahead"])
						}
					}
				}
				t.Logf("misses %v, pages %v", misses, pages)
				if order.fewer == 0 {
					return
				}
				if misses[0] < order.fewer*misses[1] {
					t.Errorf("%v misses with read-ahead, %v without: fewer than %v times fewer", misses[1], misses[0], order.fewer)
				}
				if pages[1] > 1.05*pages[0]+100 {
					t.Errorf("%v pages with read-ahead, %v without", pages[1], pages[0])
				}
			})
		}
	}
}
