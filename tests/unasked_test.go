package tests

import (
	"path/filepath"
	"testing"
)

// What a run that begins from a checkpoint has not asked for yet belongs to its own checkpoints all the same.
func TestCheckpointBeforeEverythingIsAskedFor(t *testing.T) {
	for _, hosts := range hostCounts(1, 3) {
		dir := filepath.Join(publicDir(t), "checkpoints")
		run := func(what string, env ...string) {
			t.Helper()
			job{program: "unasked", args: []string{what}, hosts: hosts, env: append(env, "JIA_CKPT_DIR="+dir)}.run(t).good(t, "unasked: ok "+what)
		}
		run("save")
		run("check", "JIA_RESTORE="+dir)
		run("early", "JIA_RESTORE="+dir)
		run("check", "JIA_RESTORE="+dir)
		run("half", "JIA_RESTORE="+dir)
		run("early", "JIA_RESTORE="+dir)
		run("check", "JIA_RESTORE="+dir)
		job{program: "unasked", args: []string{"free"}, hosts: hosts, env: []string{"JIA_RESTORE=" + dir}}.run(t).
			failed(t, "jia_free(0x", "of the run before, which this run has not asked for again")
	}
}

// The same on fewer hosts, where the program may make its calls with other arguments.
func TestCheckpointOfFewerHostsBeforeEverythingIsAskedFor(t *testing.T) {
	dir := filepath.Join(publicDir(t), "checkpoints")
	for _, run := range []struct {
		what  string
		hosts int
	}{{"save", 4}, {"early", 3}, {"early", 2}, {"check", 2}, {"half", 2}, {"check", 2}, {"check", 1}} {
		env := []string{"JIA_CKPT_DIR=" + dir}
		if run.what != "save" {
			env = append(env, "JIA_RESTORE="+dir)
		}
		job{program: "unasked", args: []string{run.what}, hosts: run.hosts, env: env}.run(t).good(t, "unasked: ok "+run.what)
	}
}

// The checkpoint that the barrier of jia_pool_destroy takes has neither the pool nor its memory.
func TestCheckpointWhileAPoolIsDestroyed(t *testing.T) {
	for _, hosts := range hostCounts(1, 3) {
		dir := filepath.Join(publicDir(t), "checkpoints")
		job{program: "unasked", args: []string{"destroy"}, hosts: hosts, env: []string{"JIA_CKPT_DIR=" + dir, "JIA_CKPT_INTERVAL=1"}}.run(t).good(t, "unasked: ok destroy")
		job{program: "unasked", args: []string{"after"}, hosts: hosts, env: []string{"JIA_RESTORE=" + dir}}.run(t).good(t, "unasked: ok after")
	}
}

// A pool where the checkpoint has other memory is a mistake, and not a lack of room.
func TestPoolInThePlaceOfMemory(t *testing.T) {
	dir := saved(t, 2)
	for _, hosts := range []int{2, 3} {
		job{program: "unasked", args: []string{"extra"}, hosts: hosts, env: []string{"JIA_RESTORE=" + dir}}.run(t).failed(t, "jia_alloc2(", "but the checkpoint has jia_alloc(40960) next")
	}
}
