package tests

import (
	"fmt"
	"testing"
)

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
