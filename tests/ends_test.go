package tests

import (
	"strings"
	"testing"
)

// The last host to leave must not take the end of the others, who leave before it, for a failure: not with two levels of
// the barrier's tree either.
func TestEightHostsLeaveManyTimes(t *testing.T) {
	for range 30 {
		job{program: "hello", args: []string{"1"}, hosts: 8}.run(t).good(t, "")
		if t.Failed() {
			return
		}
	}
}

// A program that closes whatever there is, such as one that makes a daemon of itself, ends with a line that says so.
func TestClosedDescriptors(t *testing.T) {
	for when, words := range map[string]string{
		"before": "the program has closed it before jia_init",
		"after":  "the program has closed descriptors of the library",
	} {
		result := job{program: "closes", args: []string{when}, hosts: 2}.run(t)
		result.noGoTrace(t)
		if result.status == 0 || !strings.Contains(result.stderr, words) || strings.Count(result.stderr, "\n") > 3 {
			t.Errorf("%s: %s, %s", when, describe(result.status), result.stderr)
		}
	}
}
