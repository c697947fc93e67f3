package tests

import (
	"fmt"
	"testing"
	"time"
)

// Freed memory is reused, and is zero then, over every transport and with every backend.
func TestFreedMemoryIsReused(t *testing.T) {
	for _, backend := range backends {
		for _, hosts := range hostCounts(1, 2, 3, 6) {
			for _, transport := range transportsAmong(hosts) {
				for _, prefetch := range []string{"off", "auto"} {
					t.Run(fmt.Sprintf("%s/%s/hosts=%d/%s", transport, backend, hosts, prefetch), func(t *testing.T) {
						job{program: "freeing", args: []string{"reuse"}, hosts: hosts,
							env: []string{transport, "JIA_FAULT=" + backend, "JIA_PREFETCH=" + prefetch}}.run(t).good(t, "freeing: ok")
					})
				}
			}
		}
	}
}

// Memory stays flat over 100,000 rounds of jia_alloc and jia_free; the program looks at the frames and at its process.
func TestHundredThousandRoundsOfFree(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	for _, hosts := range hostCounts(1, 2, 4) {
		for _, every := range []string{"1", "16"} {
			for _, transport := range transportsAmong(hosts) {
				rounds := "100000"
				if hosts > 2 || every == "1" && transport == overTCP && hosts > 1 {
					rounds = "20000" // two rendezvous each, or more hosts than processors
				}
				t.Run(fmt.Sprintf("%s/hosts=%d/every=%s", transport, hosts, every), func(t *testing.T) {
					r := job{program: "freeing", args: []string{"rounds", rounds, every}, hosts: hosts, env: []string{transport}, deadline: 5 * time.Minute}.run(t)
					r.good(t, "freeing: ok")
					t.Log(r.stdout)
				})
			}
		}
	}
}
