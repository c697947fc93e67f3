package ckpt_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jiajia/ckpt"
)

const pageSize = 64

// A memory is what a test stores: contents of pages, and sections of each host.
type memory struct {
	pages    map[uint64]string
	sections map[string]string // "host name"
}

// A job writes generations of a memory that it changes, page p on host p % hosts.
type job struct {
	id         ckpt.JobID
	store      *ckpt.Store
	hosts      int
	compress   bool
	generation uint64 // the last one that was tried
	base       uint64 // the last one that was committed
	unsaved    map[uint64]bool
	freed      map[uint64]bool
	memory     memory
}

func newJob(id byte, store *ckpt.Store, hosts int, compress bool) *job {
	return &job{id: ckpt.JobID{id, 1: 7}, store: store, hosts: hosts, compress: compress, unsaved: map[uint64]bool{}, freed: map[uint64]bool{},
		memory: memory{map[uint64]string{}, map[string]string{}}}
}

// change writes to some pages and frees some.
func (j *job) change(seed int) {
	for i := range 6 {
		page := uint64((seed*5 + i*3) % 20)
		j.memory.pages[page] = strings.Repeat(fmt.Sprintf("%02d %03d ", page, seed), pageSize)[:pageSize]
		j.unsaved[page] = true
	}
	page := uint64(seed*7) % 20
	delete(j.memory.pages, page)
	delete(j.unsaved, page)
	j.freed[page] = true
	for host := range j.hosts {
		j.memory.sections[fmt.Sprint(host, " private:x")] = fmt.Sprint("section ", seed, " of ", host)
	}
}

// save writes the next generation.
func (j *job) save(full bool) error {
	if j.generation == 0 {
		next, err := j.store.Next()
		if err != nil {
			return err
		}
		j.generation = next - 1
	}
	j.generation++
	m := &ckpt.Manifest{Job: j.id, Generation: j.generation, Hosts: j.hosts, PageSize: pageSize, Time: time.Unix(1e9, 0).UTC(), State: []byte(`{"a":1}`)}
	if !full {
		m.Base = j.base
	}
	for host := range j.hosts {
		part, err := j.part(m, host)
		if err != nil {
			return err
		}
		m.Parts = append(m.Parts, part)
	}
	if err := j.store.Commit(m); err != nil {
		return err
	}
	j.base = j.generation
	clear(j.unsaved)
	clear(j.freed)
	return nil
}

func (j *job) part(m *ckpt.Manifest, host int) (ckpt.Part, error) {
	w, err := j.store.CreatePart(ckpt.PartInfo{Job: m.Job, Generation: m.Generation, Base: m.Base, Host: host, Hosts: m.Hosts,
		PageSize: m.PageSize, Compress: j.compress})
	if err != nil {
		return ckpt.Part{}, err
	}
	defer w.Abandon()
	mine := func(page uint64) bool { return page%uint64(j.hosts) == uint64(host) }
	if m.Base != 0 {
		for _, page := range slices.Sorted(maps.Keys(j.freed)) {
			if mine(page) {
				err = errors.Join(err, w.Zero(page, 1))
			}
		}
	}
	for _, page := range slices.Sorted(maps.Keys(j.memory.pages)) {
		if mine(page) && (m.Base == 0 || j.unsaved[page]) {
			err = errors.Join(err, w.Pages(page, []byte(j.memory.pages[page])))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(j.memory.sections)) {
		of, name, _ := strings.Cut(key, " ")
		if of == fmt.Sprint(host) {
			err = errors.Join(err, w.Section(name, []byte(j.memory.sections[key])))
		}
	}
	if err != nil {
		return ckpt.Part{}, err
	}
	return w.Close()
}

// load reads a generation: all its chain, the oldest first.
func load(t *testing.T, s *ckpt.Store, m *ckpt.Manifest) memory {
	t.Helper()
	got := memory{map[uint64]string{}, map[string]string{}}
	chain, err := s.Chain(m)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range slices.Backward(chain) {
		for host := range m.Hosts {
			r, err := s.OpenPart(m, host)
			if err != nil {
				t.Fatal(err)
			}
			loadPart(t, r, host, i == 0, got)
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return got
}

func loadPart(t *testing.T, r *ckpt.PartReader, host int, newest bool, got memory) {
	t.Helper()
	for {
		b, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		switch b.Kind {
		case ckpt.KindZero:
			for i := range b.Count {
				delete(got.pages, b.First+i)
			}
		case ckpt.KindPages:
			for i := range b.Count {
				got.pages[b.First+i] = string(b.Data[i*pageSize:][:pageSize])
			}
		case ckpt.KindSection:
			data, err := r.Whole(b)
			if err != nil {
				t.Fatal(err)
			}
			if newest {
				got.sections[fmt.Sprint(host, " ", b.Name)] = string(data)
			}
		}
	}
}

func (m memory) clone() memory { return memory{maps.Clone(m.pages), maps.Clone(m.sections)} }

func compare(t *testing.T, got, want memory) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(memory{})); diff != "" {
		t.Fatalf("what was read is not what was stored (-stored +read):\n%s", diff)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
