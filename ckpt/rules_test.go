package ckpt_test

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"jiajia/ckpt"
	"jiajia/ckpt/ckpttest"
)

func TestTwoJobsInOneDirectory(t *testing.T) {
	for name, dir := range map[string]ckpt.FS{"disk": &ckpttest.Disk{}, "real": ckpt.Dir(t.TempDir())} {
		t.Run(name, func(t *testing.T) {
			s := ckpt.OpenFS(dir)
			a, b := newJob(1, s, 2, false), newJob(2, s, 2, false)
			a.change(1)
			must(t, a.save(true))
			b.change(2)
			b.generation = 0
			must(t, b.save(true)) // goes on behind the other's
			if b.generation != 2 {
				t.Fatalf("generation %d", b.generation)
			}
			a.change(3)
			if err := a.save(false); err == nil || !strings.Contains(err.Error(), "of its own") {
				t.Errorf("a second generation 2: %v", err)
			}
			m, bad, err := s.Newest()
			if err != nil || len(bad) > 0 || m.Job != b.id {
				t.Fatal(m, bad, err)
			}
			compare(t, load(t, s, m), b.memory)
			// A chain does not go on over another's generation.
			b.generation, b.base = 1, 1
			b.id = ckpt.JobID{3}
			if err := b.save(false); !errors.Is(err, ckpt.ErrBase) {
				t.Error(err)
			}
			// No part is replaced.
			if _, err := s.CreatePart(ckpt.PartInfo{Job: a.id, Generation: 1, Hosts: 2, PageSize: pageSize}); !errors.Is(err, fs.ErrExist) {
				t.Error(err)
			}
		})
	}
}

// Hosts of a shared directory write their parts at once, and prune at once.
func TestHostsAtOnce(t *testing.T) {
	s := ckpt.Open(t.TempDir())
	const hosts = 4
	data := noise(3 << 20)
	for g := uint64(1); g <= 3; g++ {
		m := &ckpt.Manifest{Generation: g, Hosts: hosts, PageSize: pageSize, Parts: make([]ckpt.Part, hosts)}
		everyHost(t, hosts, func(host int) error {
			w, err := s.CreatePart(ckpt.PartInfo{Generation: g, Host: host, Hosts: hosts, PageSize: pageSize, Compress: host%2 == 0})
			if err != nil {
				return err
			}
			defer w.Abandon()
			if err := w.Pages(uint64(host)<<20, data); err != nil {
				return err
			}
			m.Parts[host], err = w.Close()
			return err
		})
		must(t, s.Commit(m))
		keep, err := s.Keep(1)
		must(t, err)
		everyHost(t, hosts, func(int) error { return s.Prune(keep) })
		everyHost(t, hosts, func(host int) error { return s.VerifyPart(m, host) })
	}
	if left, err := s.Manifests(); err != nil || !slices.Equal(left, []uint64{3}) {
		t.Error(left, err)
	}
}

func everyHost(t *testing.T, hosts int, do func(host int) error) {
	t.Helper()
	results := make(chan error)
	for host := range hosts {
		go func() { results <- do(host) }()
	}
	for range hosts {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

func TestPrune(t *testing.T) {
	disk := &ckpttest.Disk{}
	s := ckpt.OpenFS(disk)
	j := newJob(1, s, 2, false)
	for i := range 9 { // full: 1, 4, 7
		j.change(i)
		must(t, j.save(i%3 == 0))
	}
	disk.Put("jia-ckpt-2-00000000-5.part", nil)            // never became complete
	disk.Put("jia-ckpt-9-00000000-5.part.tmp", nil)        // somebody died
	disk.Put("jia-ckpt-10-00000000-5.part.tmp", nil)       // under way
	disk.Put("jia-ckpt-3-00000000.manifest.tmp", nil)      // somebody died
	disk.Put("other", nil)                                 // not ours
	disk.Put("jia-ckpt-08.manifest", nil)                  // not ours
	disk.Put("jia-ckpt-18446744073709551615.part.x", nil)  // not ours
	disk.Put("jia-ckpt-9223372036854775808-0-0.part", nil) // of a number that no job comes to
	for _, test := range []struct {
		n    int
		want []uint64
	}{{1, []uint64{9, 8, 7}}, {4, []uint64{9, 8, 7, 6, 5, 4}}, {0, nil}, {99, []uint64{9, 8, 7, 6, 5, 4, 3, 2, 1}}} {
		if got, err := s.Keep(test.n); err != nil || !slices.Equal(got, test.want) {
			t.Errorf("keep %d: %v %v", test.n, got, err)
		}
	}
	must(t, s.Prune(nil))
	must(t, s.Prune([]uint64{9, 8, 7}))
	var names []string
	for name := range disk.Files() {
		names = append(names, strings.ReplaceAll(name, "jia-ckpt-", ""))
	}
	slices.Sort(names)
	want := "08.manifest 10-00000000-5.part.tmp 18446744073709551615.part.x 7-01070000-0.part 7-01070000-1.part 7.manifest " +
		"8-01070000-0.part 8-01070000-1.part 8.manifest 9-01070000-0.part 9-01070000-1.part 9.manifest 9223372036854775808-0-0.part other"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("left: %s", got)
	}
	m, bad, err := s.Newest()
	if err != nil || len(bad) > 0 {
		t.Fatal(bad, err)
	}
	compare(t, load(t, s, m), j.memory)
	if next, err := s.Next(); err != nil || next != 11 {
		t.Error(next, err)
	}
}

// Generations that lead nowhere do not count, but stay if another one builds on them.
func TestKeepAmong(t *testing.T) {
	s := ckpt.OpenFS(&ckpttest.Disk{})
	j := newJob(1, s, 1, false)
	for i := range 6 { // full: 1, 4
		j.change(i)
		must(t, j.save(i%3 == 0))
	}
	for _, test := range []struct {
		without []uint64
		n       int
		want    []uint64
	}{{nil, 1, []uint64{6, 5, 4}}, {[]uint64{6}, 1, []uint64{5, 4}}, {[]uint64{5}, 2, []uint64{6, 5, 4}}, {[]uint64{2, 3, 4, 5}, 2, []uint64{6, 5, 4, 1}},
		{[]uint64{1, 2, 3, 4, 5, 6}, 2, nil}} {
		got, err := s.KeepAmong(test.n, func(g uint64) bool { return !slices.Contains(test.without, g) })
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%d without %v: %v %v", test.n, test.without, got, err)
		}
	}
}

// A part of a generation that will not become complete goes, and nothing else.
func TestRemovePart(t *testing.T) {
	disk := &ckpttest.Disk{}
	s := ckpt.OpenFS(disk)
	j := newJob(1, s, 2, false)
	for i := range 2 {
		j.change(i)
		must(t, j.save(i == 0))
	}
	before := len(disk.Files())
	must(t, s.RemovePart(j.id, 2, 1))
	must(t, s.RemovePart(j.id, 2, 1))
	if after := len(disk.Files()); after != before-1 {
		t.Errorf("%d files of %d are left", after, before)
	}
	m, err := s.Manifest(2)
	must(t, err)
	if here, err := s.Here(m); err != nil || !slices.Equal(here, []int{0}) {
		t.Error(here, err)
	}
}
