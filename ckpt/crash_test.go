package ckpt_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"jiajia/ckpt"
	"jiajia/ckpt/ckpttest"
)

// A record is what a run of generations has stored, and what it was told.
type record struct {
	tried     map[uint64]memory // by generation
	committed uint64            // the newest one of which Commit returned
	failures  []error
}

// run writes generations, prunes as a job does, and goes on after errors unless they are a crash.
func run(s *ckpt.Store, generations int) record {
	j := newJob(1, s, 2, false)
	rec := record{tried: map[uint64]memory{}}
	full := true
	for i := range generations {
		j.change(i)
		err := j.save(full || i%3 == 0)
		rec.tried[j.generation] = j.memory.clone()
		if err == nil {
			rec.committed = j.generation
			var keep []uint64
			if keep, err = s.Keep(1 + i%2); err == nil {
				err = s.Prune(keep)
			}
			full = false
		}
		full = full || errors.Is(err, ckpt.ErrBase)
		if err != nil {
			rec.failures = append(rec.failures, err)
		}
		if errors.Is(err, ckpttest.ErrCrash) {
			break
		}
	}
	return rec
}

// expect checks that the disk has a generation at least as new as the last one that was promised, with its contents, that nothing newer
// seems to be there and is not good, and that no generation is there without its parts.
func expect(t *testing.T, s *ckpt.Store, rec record) {
	t.Helper()
	m, bad, err := s.Newest()
	if err != nil || len(bad) > 0 {
		t.Fatalf("after %d was committed: %v, %v", rec.committed, bad, err)
	}
	if m == nil {
		if rec.committed != 0 {
			t.Fatalf("%d was committed, and nothing is there", rec.committed)
		}
		return
	}
	if m.Generation < rec.committed {
		t.Fatalf("%d was committed, and %d is the newest", rec.committed, m.Generation)
	}
	compare(t, load(t, s, m), rec.tried[m.Generation])
	generations, err := s.Manifests()
	must(t, err)
	for _, g := range generations {
		m, err := s.Manifest(g)
		must(t, err)
		for host := range m.Hosts {
			must(t, s.VerifyPart(m, host))
		}
	}
}

// again checks that the next run works in what a crash has left, and cleans up.
func again(t *testing.T, disk *ckpttest.Disk) {
	t.Helper()
	s := ckpt.OpenFS(disk)
	j := newJob(9, s, 2, true)
	for i := range 2 {
		j.change(50 + i)
		must(t, j.save(i == 0))
	}
	keep, err := s.Keep(1)
	must(t, err)
	must(t, s.Prune(keep))
	m, bad, err := s.Newest()
	if err != nil || len(bad) > 0 || m.Generation != j.generation {
		t.Fatal(m, bad, err)
	}
	compare(t, load(t, s, m), j.memory)
	files := disk.Files()
	for name := range files {
		var g uint64
		if _, err := fmt.Sscanf(name, "jia-ckpt-%d", &g); err != nil || g+1 < j.generation || strings.HasSuffix(name, ".tmp") {
			t.Errorf("%s is left", name)
		}
	}
	if len(files) != 6 {
		t.Errorf("%d files are left", len(files))
	}
}

const crashGenerations = 8

func TestCrashAtEveryStep(t *testing.T) {
	whole := &ckpttest.Disk{}
	if rec := run(ckpt.OpenFS(whole), crashGenerations); len(rec.failures) > 0 {
		t.Fatal(rec.failures)
	}
	seeds := uint64(24)
	if testing.Short() {
		seeds = 4
	}
	for step := 1; step <= whole.Steps(); step++ {
		for seed := range seeds {
			disk := &ckpttest.Disk{}
			disk.Plan(ckpttest.Crash, step, true)
			rec := run(ckpt.OpenFS(disk), crashGenerations)
			if len(rec.failures) == 0 || !errors.Is(rec.failures[len(rec.failures)-1], ckpttest.ErrCrash) {
				t.Fatalf("no crash at step %d: %v", step, rec.failures)
			}
			var r *rand.Rand
			if seed > 0 {
				r = rand.New(rand.NewPCG(seed, uint64(step)))
			}
			disk = disk.Reboot(r)
			expect(t, ckpt.OpenFS(disk), rec)
			again(t, disk)
			if t.Failed() {
				t.Fatalf("step %d, seed %d", step, seed)
			}
		}
	}
	t.Logf("%d steps, %d outcomes of each crash", whole.Steps(), seeds)
}

// A disk that fails at a step, once or from then on: the job goes on, what was promised stays, and it works again when the disk does.
func TestFaultAtEveryStep(t *testing.T) {
	whole := &ckpttest.Disk{}
	run(ckpt.OpenFS(whole), crashGenerations)
	for name, fault := range map[string]ckpttest.Fault{
		"full": ckpttest.Full, "broken": ckpttest.Broken, "read-only": ckpttest.ReadOnly, "short": ckpttest.Short,
	} {
		for _, lasting := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " lasting=", lasting), func(t *testing.T) {
				failed := 0
				for step := 1; step <= whole.Steps(); step++ {
					disk := &ckpttest.Disk{}
					disk.Plan(fault, step, lasting)
					rec := run(ckpt.OpenFS(disk), crashGenerations)
					if len(rec.failures) > 0 {
						failed++
					}
					disk.Plan(ckpttest.None, 0, false)
					expect(t, ckpt.OpenFS(disk), rec)
					disk = disk.Reboot(rand.New(rand.NewPCG(1, uint64(step))))
					expect(t, ckpt.OpenFS(disk), rec)
					again(t, disk)
					if t.Failed() {
						t.Fatalf("step %d: %v", step, rec.failures)
					}
				}
				if failed == 0 {
					t.Error("nothing has ever failed")
				}
				t.Logf("%d of %d faults were told", failed, whole.Steps())
			})
		}
	}
}

// A part of many chunks, written by a goroutine of its own, on a disk that fails anywhere.
func TestFaultsInALargePart(t *testing.T) {
	data := noise(6 << 20)
	write := func(disk *ckpttest.Disk) (ckpt.Part, error) {
		w, err := ckpt.OpenFS(disk).CreatePart(ckpt.PartInfo{Generation: 1, Hosts: 1, PageSize: pageSize})
		if err != nil {
			return ckpt.Part{}, err
		}
		defer w.Abandon()
		for first := 0; first < len(data); first += 4096 {
			if err := w.Pages(uint64(first/pageSize), data[first:][:4096]); err != nil {
				return ckpt.Part{}, err
			}
		}
		return w.Close()
	}
	whole := &ckpttest.Disk{}
	_, err := write(whole)
	must(t, err)
	for step := 1; step <= whole.Steps(); step++ {
		for _, fault := range []ckpttest.Fault{ckpttest.Crash, ckpttest.Full, ckpttest.Broken, ckpttest.ReadOnly, ckpttest.Short} {
			disk := &ckpttest.Disk{}
			disk.Plan(fault, step, false)
			part, err := write(disk)
			if err == nil {
				m := &ckpt.Manifest{Generation: 1, Hosts: 1, PageSize: pageSize, Parts: []ckpt.Part{part}}
				must(t, ckpt.OpenFS(disk).VerifyPart(m, 0))
			} else if fault != ckpttest.Crash && len(disk.Files()) > 0 {
				t.Errorf("fault %d at step %d left a file: %v", fault, step, err)
			}
		}
	}
}
