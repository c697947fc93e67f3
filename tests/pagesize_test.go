package tests

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// Programs that know nothing of the size of a coherence page run with each.
func TestPageSizes(t *testing.T) {
	for _, size := range []int{16, 2048} { // KiB
		for _, hosts := range hostCounts(1, 4) {
			for _, env := range crossed() {
				for _, run := range []string{fmt.Sprint("attributes ", size), "freeing reuse", "pages 2000", "locks 200", "patterns 300 2 upwards strided mixed", "is 14", "sor 62 63 10", "tsp 9"} {
					args := strings.Fields(run)
					t.Run(fmt.Sprintf("%dK/%s/hosts=%d/%s", size, strings.Join(env, ","), hosts, args[0]), func(t *testing.T) {
						job{program: args[0], args: args[1:], hosts: hosts, env: append(env, fmt.Sprintf("JIA_PAGE_SIZE=%dK", size))}.run(t).good(t, ": ok")
					})
				}
			}
		}
	}
}

// Random programs, whose pages are the kernel's in one job and of other sizes in the next.
func TestRandomProgramWithLargePages(t *testing.T) {
	for i, size := range []string{"8K", "64K", "2M"} {
		for _, env := range crossed() {
			for _, seed := range seeds(2) {
				randomJob(t, job{hosts: 2 + i, env: append(env, "JIA_PAGE_SIZE="+size)}, seed)
			}
		}
	}
}

// A region that is no page is an error that says so.
func TestPageLargerThanTheRegion(t *testing.T) {
	for _, hosts := range []int{1, 2} {
		r := job{program: "misuse", args: []string{"nothing"}, env: []string{"JIA_PAGE_SIZE=2M", "JIA_REGION_SIZE=1M", "JIA_NPROC=" + strconv.Itoa(hosts)}}.start(t)
		r.wait().failed(t, "one page of 2097152 bytes")
		r.nothingLeft()
	}
}
