package tests

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jiajia/ckpt"
)

const pageBytes = 4096

// An image is what a generation restores: pages that are not in it read as zero.
type image map[uint64][]byte

// loadImage reads a generation with all that it builds on, as jia_init does after all verification.
func loadImage(t *testing.T, dir string, generation uint64) image {
	t.Helper()
	store := ckpt.Open(dir)
	m, err := store.Manifest(generation)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Verify(m, nil); err != nil {
		t.Fatal(err)
	}
	chain, err := store.Chain(m)
	if err != nil {
		t.Fatal(err)
	}
	memory := image{}
	for i := len(chain) - 1; i >= 0; i-- {
		// A page that was given back on one host may be written on another one before the same cut.
		for _, kind := range []ckpt.Kind{ckpt.KindZero, ckpt.KindPages} {
			for host := range chain[i].Hosts {
				memory.add(t, store, chain[i], host, kind)
			}
		}
	}
	return memory
}

// add applies the blocks of one kind of one part.
func (memory image) add(t *testing.T, store *ckpt.Store, m *ckpt.Manifest, host int, kind ckpt.Kind) {
	t.Helper()
	r, err := store.OpenPart(m, host)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		b, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if b.Kind != kind {
			continue
		}
		for p := range b.Count {
			delete(memory, b.First+p)
			if kind == ckpt.KindPages {
				memory[b.First+p] = append([]byte(nil), b.Data[p*pageBytes:][:pageBytes]...)
			}
		}
	}
}

// word returns a word of a page.
func (memory image) word(page uint64, at int) uint64 {
	if bytes, ok := memory[page]; ok {
		return binary.LittleEndian.Uint64(bytes[8*at:])
	}
	return 0
}

// A writing is a run of the program checkpoints: what memory holds after each step of it.
type writing struct {
	pages, all uint64
	at         map[string]uint64 // where things lie, by name
}

// parseWriting reads what the program has printed. steps has the step of each generation, where it knew.
func parseWriting(t *testing.T, stdout string, pages, all uint64) (w writing, steps map[uint64]uint64) {
	t.Helper()
	w, steps = writing{pages, all, map[string]uint64{}}, map[uint64]uint64{}
	for _, m := range regexp.MustCompile(`(?m)^(\w+) at (\d+)`).FindAllStringSubmatch(stdout, -1) {
		page, _ := strconv.ParseUint(m[2], 10, 64)
		if old, ok := w.at[m[1]]; ok && old != page {
			t.Fatalf("%s is at page %d and at page %d", m[1], old, page)
		}
		w.at[m[1]] = page
	}
	for _, m := range regexp.MustCompile(`(?m)^generation (\d+) is of step (\d+)`).FindAllStringSubmatch(stdout, -1) {
		g, _ := strconv.ParseUint(m[1], 10, 64)
		steps[g], _ = strconv.ParseUint(m[2], 10, 64)
	}
	if len(w.at) < 5 {
		t.Fatalf("the program did not say where things are:\n%s", tail(stdout))
	}
	return w, steps
}

// check holds an image to what memory was after a step.
func (w writing) check(t *testing.T, memory image, generation, step uint64) {
	t.Helper()
	bad := 0
	page := func(what string, number, written uint64) {
		for at := range pageBytes / 8 {
			var want uint64
			if written > 0 {
				want = written<<32 ^ (number*pageBytes/8 + uint64(at))
			}
			if got := memory.word(w.at[what]+number, at); got != want && bad < 10 {
				bad++
				t.Errorf("generation %d, of step %d: word %d of page %d of %s is %x, not %x", generation, step, at, number, what, got, want)
			}
		}
	}
	for p := range w.pages {
		page("array", p, step)
		const stride = 97
		last := step
		for last > 0 && last%stride != p%stride {
			last--
		}
		page("sparse", p, last)
	}
	for p := range w.all {
		page("pinned", p, step)
	}
	for what, each := range map[string]uint64{"locked": 5, "atomic": 20} {
		for p := range uint64(8) {
			if got := memory.word(w.at[what]+p, 0); got != step*w.all*each {
				t.Errorf("generation %d, of step %d: counter %d of %s is %d, not %d", generation, step, p, what, got, step*w.all*each)
			}
		}
	}
	if _, there := w.at["fresh"]; there && step >= 4 && step%4 < 2 {
		for p := range uint64(64) {
			if step%4 == 1 && (p+step/4)%3 == 0 {
				page("fresh", p, step)
			} else {
				page("fresh", p, 0)
			}
		}
	}
}

// generations returns the complete generations in a directory, the oldest first.
func generations(t *testing.T, dir string) (list []uint64) {
	t.Helper()
	newest, err := ckpt.Open(dir).Manifests()
	if err != nil {
		t.Fatal(err)
	}
	for i := len(newest) - 1; i >= 0; i-- {
		list = append(list, newest[i])
	}
	return list
}

// TestCheckpointsHoldTheBarrier: whatever the program writes while a checkpoint is stored, the checkpoint has what was there at the barrier.
func TestCheckpointsHoldTheBarrier(t *testing.T) {
	for _, how := range []string{"start", "wait"} {
		for _, backend := range backends {
			for _, hosts := range hostCounts(1, 2, 4) {
				for _, transport := range transportsAmong(hosts) {
					if hosts != 2 && (how == "wait" || testing.Short() || backend == backends[hosts/4]) {
						continue // each of them with one backend
					}
					t.Run(fmt.Sprintf("%s/%s/%s/hosts=%d", how, transport, backend, hosts), func(t *testing.T) {
						const pages, threads, steps, every = 6000, 2, 12, 3
						j := job{program: "checkpoints", args: []string{fmt.Sprint(steps), fmt.Sprint(pages), fmt.Sprint(threads), fmt.Sprint(every), how},
							hosts: hosts, env: []string{transport, "JIA_FAULT=" + backend, "JIA_CKPT_DIR=kept", "JIA_CKPT_KEEP=1000"}}
						r := j.start(t)
						result := r.wait()
						result.good(t, "checkpoints: ok")
						dir := filepath.Join(r.dir, "kept")
						w, known := parseWriting(t, result.stdout, pages, uint64(hosts*threads))
						list := generations(t, dir)
						if len(list) != steps/every || len(known) != steps/every {
							t.Errorf("%d generations are there and %d were reported, not %d", len(list), len(known), steps/every)
						}
						for _, g := range list {
							w.check(t, loadImage(t, dir, g), g, known[g])
						}
						r.nothingLeft("kept")
					})
				}
			}
		}
	}
}

// TestPeriodicCheckpoints: without the program's asking, barriers take checkpoints; old ones go, and the last is finished before the job ends.
func TestPeriodicCheckpoints(t *testing.T) {
	for i, transport := range transports {
		hosts := []int{2, 3}[i]
		t.Run(transport, func(t *testing.T) {
			const pages, threads = 500, 2
			r := job{program: "checkpoints", args: []string{"1000000", fmt.Sprint(pages), fmt.Sprint(threads), "7", "barrier"}, hosts: hosts,
				env: []string{transport, "JIA_CKPT_DIR=kept", "JIA_CKPT_INTERVAL=1", "JIA_CKPT_FULL=3", "JIA_CKPT_COMPRESS=on"}}.start(t)
			result := r.wait()
			result.good(t, "checkpoints: ok")
			dir := filepath.Join(r.dir, "kept")
			w, _ := parseWriting(t, result.stdout, pages, uint64(hosts*threads))
			list := generations(t, dir)
			if len(list) < 2 || len(list) > 2+2 || list[len(list)-1] < 7 { // two, and what they build on
				t.Fatalf("generations %v are there", list)
			}
			for _, g := range list[max(0, len(list)-2):] {
				memory := loadImage(t, dir, g)
				w.check(t, memory, g, memory.word(w.at["array"], 0)>>32)
			}
			r.nothingLeft("kept")
		})
	}
}

// troubled starts the program of that name where each checkpoint is a full one, as far as the pages go.
func troubled(t *testing.T, j job, dir string) *running {
	t.Helper()
	j.program, j.hosts = "troubled", 3
	j.args = []string{"1000"}
	j.env = append(j.env, "JIA_CKPT_DIR="+dir, "JIA_CKPT_KEEP=1")
	return j.start(t)
}

// lastResult returns what the last checkpoint has returned that the program says something of, and how many it has taken.
func lastResult(stdout string) (result, taken int) {
	for _, m := range regexp.MustCompile(`(?m)^step \d+: (-?\d+)\n`).FindAllStringSubmatch(stdout, -1) {
		result, _ = strconv.Atoi(m[1])
		taken++
	}
	return result, taken
}

func (r *running) awaitResult(what string, accept func(result int) bool) {
	r.t.Helper()
	r.await(what, func(stdout string) bool {
		result, taken := lastResult(stdout)
		return taken > 0 && accept(result)
	})
}

func (r *running) awaitMore(what string, accept func(result int) bool) {
	r.t.Helper()
	_, before := lastResult(r.stdout.String())
	r.await(what, func(stdout string) bool {
		result, taken := lastResult(stdout)
		return taken > before && accept(result)
	})
}

func written(result int) bool { return result > 0 }

// stopped stops the program, which must have got all its answers right, and returns what its host 0 has warned of.
func (r *running) stopped(t *testing.T) (warnings []string) {
	t.Helper()
	touch(t, r, "stop")
	result := r.wait()
	warnings = strings.Split(strings.TrimSuffix(result.stderr, "\n"), "\n")
	for _, line := range warnings {
		if !strings.HasPrefix(line, "jia: host 0: warn: ") {
			t.Errorf("unexpected: %s", line)
		}
	}
	result.stderr = ""
	result.good(t, "troubled: ok")
	return warnings
}

// says looks for a warning that has all parts.
func says(t *testing.T, warnings []string, parts ...string) {
	t.Helper()
next:
	for _, line := range warnings {
		for _, part := range parts {
			if !strings.Contains(line, part) {
				continue next
			}
		}
		return
	}
	t.Errorf("no warning says %q:\n%s", parts, tail(strings.Join(warnings, "\n")))
}

// TestCheckpointOnAFullDisk: the call fails everywhere with the same error, the one before stays good, and when there is room again the next
// one is written.
func TestCheckpointOnAFullDisk(t *testing.T) {
	dir := smallDisk(t, 16<<20)
	r := troubled(t, job{}, dir)
	r.awaitResult("checkpoint", written)
	fillUp(t, filepath.Join(dir, "others"))
	full := func(result int) bool { return result == -int(syscall.ENOSPC) }
	r.awaitMore("failure", full)
	kept := generations(t, dir)
	if len(kept) == 0 {
		t.Fatal("no generation is left")
	}
	loadImage(t, dir, kept[len(kept)-1])
	r.awaitMore("second failure", full)
	if err := os.Remove(filepath.Join(dir, "others")); err != nil {
		t.Fatal(err)
	}
	r.awaitMore("checkpoint after that", written)
	warnings := r.stopped(t)
	says(t, warnings, "was not written", "no space left on device", dir, fmt.Sprintf("generation %d stays the newest", kept[len(kept)-1]))
	list := generations(t, dir)
	loadImage(t, dir, list[len(list)-1])
}

// smallDisk mounts one for the time of the test, which only root can do.
func smallDisk(t *testing.T, bytes int) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can mount a small disk")
	}
	dir := publicDir(t)
	if err := syscall.Mount("none", dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)); err != nil {
		t.Skip("cannot mount a small disk:", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// fillUp writes a file until the disk is full.
func fillUp(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 1<<16); err == nil; {
		_, err = f.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}

// TestCheckpointIntoAForbiddenDirectory: nothing can be written until somebody permits it.
func TestCheckpointIntoAForbiddenDirectory(t *testing.T) {
	dir := filepath.Join(publicDir(t), "kept")
	if err := os.Mkdir(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	r := troubled(t, job{user: true}, dir)
	r.awaitResult("failure", func(result int) bool { return result == -int(syscall.EACCES) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	r.awaitMore("checkpoint", written)
	warnings := r.stopped(t)
	says(t, warnings[:1], "no checkpoint can be written", "write to "+dir+": permission denied")
	says(t, warnings, "host 0 (and 2 more host(s)): checkpoint 1 was not written", "permission denied", dir, "there is no complete one")
}

// TestFreshStartBesideCheckpoints: who forgets to restore is told before the checkpoints are gone.
func TestFreshStartBesideCheckpoints(t *testing.T) {
	dir := saved(t, 2)
	r := job{program: "resume_jacobi", args: []string{"20", "4", "2"}, hosts: 2, env: []string{"JIA_CKPT_DIR=" + dir}}.run(t)
	if line := r.stderr; strings.Count(line, "\n") != 1 || !strings.HasPrefix(line, "jia: host 0: warn: "+dir+" has checkpoints of another run, up to number 2: ") ||
		!strings.Contains(line, "JIA_RESTORE="+dir+" goes on from them") {
		t.Errorf("unexpected: %s", line)
	}
	r.stderr = ""
	r.good(t, "resume_jacobi: 20 x 20, 4 steps, 2 host(s): ok")
	if left := generations(t, dir); !cmp.Equal(left, []uint64{3, 4}) {
		t.Errorf("generations %v are left", left)
	}
}

// TestCheckpointsWhoseDirectoryVanishes: what an incremental one would build on is gone; the job goes on, with a full one.
func TestCheckpointsWhoseDirectoryVanishes(t *testing.T) {
	dir := filepath.Join(publicDir(t), "kept")
	r := troubled(t, job{}, dir)
	r.awaitResult("checkpoint", written)
	if err := os.Rename(dir, dir+"-away"); err != nil {
		t.Fatal(err)
	}
	r.awaitMore("failure", func(result int) bool { return result < 0 })
	r.awaitMore("checkpoint", written)
	says(t, r.stopped(t), "was not written", dir)
	list := generations(t, dir)
	loadImage(t, dir, list[len(list)-1])
}

// TestCheckpointWithoutADirectory: it is a barrier, the first of which says what is missing.
func TestCheckpointWithoutADirectory(t *testing.T) {
	for _, hosts := range hostCounts(1, 3) {
		r := job{program: "troubled", args: []string{"10"}, hosts: hosts}.start(t)
		invalid := func(result int) bool { return result == -int(syscall.EINVAL) }
		r.awaitResult("failure", invalid)
		r.awaitMore("second failure", invalid)
		touch(t, r, "stop")
		result := r.wait()
		if line := result.stderr; strings.Count(line, "\n") != 1 || !strings.HasPrefix(line, "jia: host 0: warn: ") || !strings.Contains(line, "JIA_CKPT_DIR") {
			t.Errorf("unexpected: %s", line)
		}
		result.stderr = ""
		result.good(t, "troubled: ok")
	}
}

// TestCheckpointStatistics: each complete one is counted, with the size of this host's files.
func TestCheckpointStatistics(t *testing.T) {
	for _, transport := range transports {
		r := job{program: "checkpoints", args: []string{"10", "200", "1", "2", "start"}, hosts: 3,
			env: []string{transport, "JIA_CKPT_DIR=kept", "JIA_CKPT_KEEP=100", "JIA_STATS=stats.json"}}.start(t)
		result := r.wait()
		result.good(t, "checkpoints: ok")
		store := ckpt.Open(filepath.Join(r.dir, "kept"))
		bytes := make([]float64, 3)
		for _, g := range generations(t, filepath.Join(r.dir, "kept")) {
			m, err := store.Manifest(g)
			if err != nil {
				t.Fatal(err)
			}
			for h, part := range m.Parts {
				bytes[h] += float64(part.Bytes)
			}
		}
		for h, row := range readStats(t, r, "stats.json", 3) {
			if row["checkpoints"] != 5 || row["checkpoint_bytes"] != bytes[h] || row["seconds_checkpoints"] <= 0 || row["seconds_checkpoints"] > row["seconds_barriers"] {
				t.Errorf("%s: host %d: %v checkpoints of %v bytes, not 5 of %v; stood %v s of %v s in barriers", transport, h, row["checkpoints"],
					row["checkpoint_bytes"], bytes[h], row["seconds_checkpoints"], row["seconds_barriers"])
			}
		}
	}
}
