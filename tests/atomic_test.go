package tests

import (
	"fmt"
	"testing"
	"time"
)

// Words homed at each host are counted up, exchanged and compared by all hosts and threads; then by whoever holds a lock.
func TestAtomics(t *testing.T) {
	for _, test := range []struct{ hosts, count, threads int }{{1, 20_000, 2}, {2, 20_000, 3}, {3, 20_000, 1}, {4, 100_000, 2}} {
		for _, transport := range transportsAmong(test.hosts) {
			for _, backend := range backends {
				if testing.Short() && (test.hosts != 4 || backend != backends[0]) {
					continue
				}
				t.Run(fmt.Sprintf("%s/%s/hosts=%d", transport, backend, test.hosts), func(t *testing.T) {
					job{program: "atomics", args: []string{fmt.Sprint(test.count), fmt.Sprint(test.threads)}, hosts: test.hosts,
						env: []string{transport, "JIA_FAULT=" + backend}}.run(t).good(t, "atomics: ok")
				})
			}
		}
	}
}

// Locks that do not wait, and locks for readers and writers.
func TestTryLocks(t *testing.T) {
	for _, hosts := range hostCounts(1, 2, 3, 4) {
		for _, transport := range transportsAmong(hosts) {
			for _, backend := range backends {
				t.Run(fmt.Sprintf("%s/%s/hosts=%d", transport, backend, hosts), func(t *testing.T) {
					job{program: "trylocks", args: []string{"60"}, hosts: hosts, env: []string{transport, "JIA_FAULT=" + backend}}.run(t).good(t, "trylocks: ok")
				})
			}
		}
	}
}

// What cannot be meant ends the job with one line.
func TestMistakesWithWordsAndLocks(t *testing.T) {
	for _, test := range []struct {
		name string
		says []string
	}{
		{"trylock_negative", []string{"host ", "jia_trylock(-3)", "from 0 up"}},
		{"rdlock_negative", []string{"host ", "jia_rwlock_rdlock(-3)", "from 0 up"}},
		{"wrlock_twice", []string{"host ", "jia_rwlock_wrlock(4)", "already"}},
		{"rdlock_twice", []string{"host ", "jia_rwlock_rdlock(4)", "already"}},
		{"wrlock_of_reader", []string{"host ", "jia_rwlock_wrlock(4)", "already"}},
		{"rwunlock_not_held", []string{"host ", "jia_rwlock_unlock(4)", "does not hold"}},
		{"rwunlock_of_a_lock", []string{"host ", "jia_rwlock_unlock(4)", "does not hold"}},
		{"barrier_in_read_scope", []string{"host ", "jia_barrier", "critical section", "unlock"}},
		{"atomic_misaligned", []string{"host ", "jia_atomic_fetch_add_u64(0x400000000004)", "multiple of 8"}},
		{"atomic_misaligned_32", []string{"host ", "jia_atomic_load_u32(0x400000000002)", "multiple of 4"}},
		{"atomic_private", []string{"host ", "jia_atomic_store_u32(0x", "shared memory"}},
		{"atomic_null", []string{"host ", "jia_atomic_load_u64(0x0)", "shared memory"}},
		{"atomic_unallocated", []string{"host ", "jia_atomic_exchange_u64(0x400000002000)", "shared memory"}},
		{"atomic_before_init", []string{"jia_atomic_load_u32", "jia_init"}},
	} {
		for _, hosts := range hostCounts(1, 2) {
			t.Run(fmt.Sprintf("%s/hosts=%d", test.name, hosts), func(t *testing.T) {
				r := job{program: "misuse", args: []string{test.name}, hosts: hosts, env: []string{"JIA_REGION_SIZE=64M"},
					deadline: 4 * time.Second}.start(t)
				t.Log(r.wait().failed(t, test.says...))
				r.nothingLeft()
			})
		}
	}
}
