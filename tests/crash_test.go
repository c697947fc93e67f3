package tests

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// A program's own crash looks as it would without the library: the same signal, and nobody says anything about Go. The
// reference is the very same program before it calls jia_init, so that the table need not know better than the kernel.
func TestOwnCrashes(t *testing.T) {
	for _, name := range []string{
		"null_read", "null_write", "wild_write", "non_canonical", "kernel_address", "below_region", "read_only_page",
		"divide", "aborted", "illegal", "jump_to_null", "bus_error", "stack_overflow", "null_in_thread",
		"stack_overflow_in_thread",
	} {
		t.Run(name, func(t *testing.T) {
			without := job{program: "crash", args: []string{"-1", name}}.run(t)
			without.noGoTrace(t)
			signal := without.status.Signal()
			if !without.status.Signaled() {
				t.Fatalf("before jia_init: %s\n%s", describe(without.status), tail(without.stderr))
			}
			mustDie(t, name, signal)
		})
	}
}

// What was never allocated, or was freed, is no memory, though it lies in the region. (On a single host nobody looks.)
func TestAccessToUnallocatedMemory(t *testing.T) {
	for _, name := range []string{"unallocated", "unallocated_read", "freed", "freed_read"} {
		mustDieInJob(t, name, syscall.SIGSEGV, syscall.SIGBUS)
	}
}

// mustDie runs crash.c on one host, where the death is the process's own, and on several, where the job tells of it.
func mustDie(t *testing.T, name string, signal syscall.Signal) {
	t.Helper()
	alone := job{program: "crash", args: []string{"0", name}}.run(t)
	if !diedOf(alone.status, signal) || alone.stderr != "" {
		t.Errorf("%v: %s, want %v\n%s", alone.job, describe(alone.status), signal, tail(alone.stderr))
	}
	mustDieInJob(t, name, signal)
}

func diedOf(status syscall.WaitStatus, signals ...syscall.Signal) bool {
	return status.Signaled() && slices.Contains(signals, status.Signal())
}

func mustDieInJob(t *testing.T, name string, signals ...syscall.Signal) {
	t.Helper()
	for _, backend := range backends {
		for _, host := range []int{0, 2} {
			if testing.Short() && host == 0 {
				continue
			}
			result := job{program: "crash", args: []string{fmt.Sprint(host), name}, hosts: 3, env: []string{"JIA_FAULT=" + backend}}.run(t)
			line := result.failed(t, fmt.Sprintf("host %d", host))
			named := func(s syscall.Signal) bool { return strings.Contains(line, fmt.Sprintf("signal %d ", int(s))) }
			if !slices.ContainsFunc(signals, named) {
				t.Errorf("%v: the line names none of %v: %s", result.job, signals, line)
			}
			if host == 0 && !diedOf(result.status, signals...) {
				t.Errorf("%v: %s, want one of %v", result.job, describe(result.status), signals)
			}
		}
	}
}

// A handler that the program installed before jia_init runs first for faults that are not ours, as the kernel would have run
// it; one that jumps out of the handler leaves the library in working order.
func TestOwnHandlers(t *testing.T) {
	for _, backend := range backends {
		env := []string{"JIA_FAULT=" + backend}
		for _, hosts := range []int{1, 2} {
			own := job{program: "crash", args: []string{"0", "own_handler"}, hosts: hosts, env: env}.run(t)
			if own.status.ExitStatus() != 42 || own.stdout != "own handler\n" {
				t.Errorf("%v: %s\n%s%s", own.job, describe(own.status), own.stdout, own.stderr)
			}
			own.noGoTrace(t)
			for host := range hosts {
				job{program: "crash", args: []string{fmt.Sprint(host), "own_jump"}, hosts: hosts, env: env}.run(t).good(t, "own_jump: survived")
			}
		}
	}
}
