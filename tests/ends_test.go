package tests

import (
	"slices"
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

// A program that closes whatever there is, such as one that makes a daemon of itself, ends with a line that says so; one
// line if it did so before jia_init. Later each host that finds out may say it, and so may the supervisor, whoever is first. (Go's runtime, which has lost its
// descriptors, too, now and then notices by itself before the process ends, and says that as well.)
func TestClosedDescriptors(t *testing.T) {
	for when, words := range map[string][]string{
		"before": {"has closed the library's descriptors"},
		"after":  {"the program has closed descriptors of the library", "has closed the library's descriptors"},
	} {
		for _, transport := range []string{"tcp", "auto"} {
			result := job{program: "closes", args: []string{when}, hosts: 3, env: []string{"JIA_COMM_TYPE=" + transport}}.run(t)
			if result.status == 0 || when == "before" && strings.Count(result.stderr, "\n") != 1 ||
				!slices.ContainsFunc(words, func(w string) bool { return strings.Contains(result.stderr, w) }) {
				t.Errorf("%s over %s: %s, %s", when, transport, describe(result.status), result.stderr)
			}
		}
	}
}
