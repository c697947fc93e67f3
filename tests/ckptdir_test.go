package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestTwoJobsInOneDirectory: the second one is told, keeps nothing there and takes nothing away, until the first has ended.
func TestTwoJobsInOneDirectory(t *testing.T) {
	dir := filepath.Join(publicDir(t), "kept")
	refused := func(result int) bool { return result == -int(syscall.EBUSY) }
	first := troubled(t, job{}, dir)
	first.awaitResult("checkpoint", written)
	second := troubled(t, job{}, dir)
	second.awaitResult("refusal", refused)
	first.awaitMore("checkpoint", written)
	second.awaitMore("second refusal", refused)
	touch(t, first, "stop")
	first.wait().good(t, "troubled: ok")
	second.awaitMore("checkpoint", written)
	says(t, second.stopped(t), "was not written", dir, "another job that runs keeps its checkpoints there")
	list := generations(t, dir)
	loadImage(t, dir, list[len(list)-1])
}

func touchFile(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestPartsOfCheckpointsThatFail: while the disk of one host takes nothing, those of the others do not fill up.
func TestPartsOfCheckpointsThatFail(t *testing.T) {
	disks := machines(t, 3)
	touchFile(t, filepath.Join(disks[2], "file"))
	jobs := startRanked(t, "troubled", []string{"1000"}, [][]string{{"PWD=" + disks[0], "JIA_CKPT_DIR=ckpt"}, {"PWD=" + disks[1], "JIA_CKPT_DIR=ckpt"},
		{"PWD=" + disks[2], "JIA_CKPT_DIR=file/ckpt"}})
	failed := func(result int) bool { return result == -int(syscall.ENOTDIR) }
	jobs[0].awaitResult("failure", failed)
	jobs[0].awaitMore("second failure", failed)
	touchFile(t, filepath.Join(disks[0], "stop"))
	for host, r := range jobs {
		result := r.wait()
		if host == 0 && !strings.Contains(result.stderr, "host 2: checkpoint 1 was not written: ") {
			t.Errorf("it says\n%s", result.stderr)
		}
		if result.status != 0 {
			t.Errorf("host %d: %s\n%s", host, describe(result.status), result.stderr)
		}
		if left := list(filepath.Join(disks[host], "ckpt")); len(left) > 0 {
			t.Errorf("host %d has %v", host, left)
		}
	}
}

// TestHistoryOfAnOlderGeneration: with what a run writes that began from an older generation, the newer ones are past.
func TestHistoryOfAnOlderGeneration(t *testing.T) {
	dir := filepath.Join(publicDir(t), "kept")
	env := []string{"JIA_CKPT_DIR=" + dir, "JIA_CKPT_KEEP=99", "JIA_CKPT_FULL=1"}
	want, _ := resumed(t, "resume_jacobi", 2, env...)
	before := generations(t, dir)
	if sum, _ := resumed(t, "resume_jacobi", 2, append(env, fmt.Sprintf("JIA_RESTORE=%s:2", dir))...); sum != want {
		t.Errorf("%q and not %q", sum, want)
	}
	last := before[len(before)-1]
	list := generations(t, dir)
	for _, g := range list {
		if g > 2 && g <= last {
			t.Errorf("generation %d of %v is left, among %v", g, before, list)
		}
	}
	if !slices.Contains(list, 1) || !slices.Contains(list, 2) || list[len(list)-1] <= last {
		t.Errorf("%v are left of %v", list, before)
	}
	// What is somewhere else is no business of the run's.
	other := filepath.Join(publicDir(t), "other")
	resumed(t, "resume_jacobi", 2, "JIA_CKPT_DIR="+other, "JIA_RESTORE="+dir)
	if now := generations(t, dir); !slices.Equal(now, list) {
		t.Errorf("%v are left of %v", now, list)
	}
}
