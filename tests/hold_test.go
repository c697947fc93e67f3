package tests

import (
	"fmt"
	"testing"
)

// The same on hosts whose page cache holds 16 pages, beside those that are pinned.
func TestHeldPagesWithATinyCache(t *testing.T) {
	for _, backend := range backends {
		for _, transport := range []string{overMemory, overTCP} {
			t.Run(backend+"/"+transport, func(t *testing.T) {
				job{program: "hold", args: []string{"40", "calls"}, hosts: 3,
					env: []string{"JIA_FAULT=" + backend, "JIA_CACHE_SIZE=64K", transport}}.run(t).good(t, "hold: ok")
			})
		}
	}
}

// System calls work on pinned memory, across barriers and locks, and pages that were hinted at are there.
func TestHeldPages(t *testing.T) {
	for _, backend := range backends {
		for _, transport := range []string{overMemory, overTCP} {
			for _, hosts := range hostCounts(1, 2, 3) {
				for _, pages := range []string{"3", "300"} {
					t.Run(fmt.Sprintf("%s/%s/hosts=%d/pages=%s", backend, transport, hosts, pages), func(t *testing.T) {
						job{program: "hold", args: []string{pages}, hosts: hosts, env: []string{"JIA_FAULT=" + backend, transport}}.run(t).good(t, "hold: ok")
					})
				}
			}
		}
	}
}
