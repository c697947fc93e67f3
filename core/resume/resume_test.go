package resume

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jiajia/ckpt"
	"jiajia/core"
)

// A job is hosts that gather texts.
type job struct {
	mu     sync.Mutex
	size   int
	texts  []string
	known  int
	full   chan struct{}
	rounds int
}

func newJob(size int) *job {
	return &job{size: size, texts: make([]string, size), full: make(chan struct{})}
}

func (j *job) gather(rank int, text string) ([]string, error) {
	if text == "" || len(text) > longest {
		return nil, fmt.Errorf("a text of %d bytes", len(text))
	}
	j.mu.Lock()
	now, full := j.texts, j.full
	now[rank] = text
	if j.known++; j.known == j.size {
		j.texts, j.known, j.full = make([]string, j.size), 0, make(chan struct{})
		j.rounds++
		close(full)
	}
	j.mu.Unlock()
	<-full
	return append([]string{}, now...), nil
}

// longest makes what is said take several rounds.
const longest = 400

// outcome is what Agree returned on one host.
type outcome struct {
	plan *Plan
	err  error
}

// agree runs Agree on so many hosts. change may change what a host is told.
func agree(t *testing.T, size int, want string, change func(c *Config)) (outcomes []outcome, warned []string) {
	t.Helper()
	j := newJob(size)
	outcomes = make([]outcome, size)
	var group sync.WaitGroup
	for rank := range size {
		c := Config{Rank: rank, Size: size, Longest: longest, Want: want, Fit: func(*core.Saved) error { return nil },
			Gather: func(text string) ([]string, error) { return j.gather(rank, text) },
			Warn: func(line string) {
				if rank != 0 {
					t.Errorf("host %d warns: %s", rank, line)
				}
				warned = append(warned, line)
			}}
		if change != nil {
			change(&c)
		}
		group.Go(func() { outcomes[rank].plan, outcomes[rank].err = Agree(c) })
	}
	group.Wait()
	return outcomes, warned
}

const pageSize = 64

// write writes a generation of so many hosts, host i's part into dirs[i mod len(dirs)], the manifest into the first.
func write(t *testing.T, generation, base uint64, hosts int, dirs ...string) {
	t.Helper()
	state, err := json.Marshal(core.Saved{Hosts: hosts, PageSize: pageSize,
		Allocs: []core.Allocation{{Call: core.CallAlloc, Args: []uint64{pageSize}, Pages: 1, Name: strings.Repeat("a long name", 100)}}})
	if err != nil {
		t.Fatal(err)
	}
	m := &ckpt.Manifest{Job: ckpt.JobID{7}, Generation: generation, Base: base, Hosts: hosts, PageSize: pageSize, Time: time.Unix(1e9, 0).UTC(), State: state}
	for host := range hosts {
		store := ckpt.Open(dirs[host%len(dirs)])
		w, err := store.CreatePart(ckpt.PartInfo{Job: m.Job, Generation: generation, Base: base, Host: host, Hosts: hosts, PageSize: pageSize})
		if err == nil {
			err = w.Pages(uint64(host), make([]byte, pageSize))
		}
		if err != nil {
			t.Fatal(err)
		}
		part, err := w.Close()
		if err != nil {
			t.Fatal(err)
		}
		m.Parts = append(m.Parts, part)
	}
	if err := ckpt.Open(dirs[0]).Commit(m); err != nil {
		t.Fatal(err)
	}
}

// damage changes a byte of every part of a generation that a pattern names.
func damage(t *testing.T, dir, pattern string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %v, %v", pattern, paths, err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err == nil {
			data[len(data)/2]++
			err = os.WriteFile(path, data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// same checks that all hosts have the same plan, and returns it.
func same(t *testing.T, outcomes []outcome) *Plan {
	t.Helper()
	for rank, o := range outcomes {
		if o.err != nil || o.plan == nil {
			t.Fatalf("host %d: plan %v, %v", rank, o.plan, o.err)
		}
		first := outcomes[0].plan
		if o.plan.Generation != first.Generation || len(o.plan.Chain) != len(first.Chain) || !cmp.Equal(o.plan.Readers, first.Readers) || !cmp.Equal(o.plan.Saved, first.Saved) {
			t.Fatalf("host %d: %+v, host 0: %+v", rank, o.plan, first)
		}
	}
	return outcomes[0].plan
}

// failed checks that all hosts say the same, and what.
func failed(t *testing.T, outcomes []outcome, parts ...string) {
	t.Helper()
	for rank, o := range outcomes {
		if o.err == nil || o.err.Error() != outcomes[0].err.Error() {
			t.Fatalf("host %d: %v, host 0: %v", rank, o.err, outcomes[0].err)
		}
	}
	for _, p := range parts {
		if !strings.Contains(outcomes[0].err.Error(), p) {
			t.Errorf("%v, without %q", outcomes[0].err, p)
		}
	}
}

func TestNobodyWantsARestore(t *testing.T) {
	outcomes, _ := agree(t, 3, "", func(c *Config) {
		if c.Rank == 1 {
			c.Want = "/what/host/1/wants" // does not count
		}
	})
	for _, o := range outcomes {
		if o.plan != nil || o.err != nil {
			t.Errorf("%+v", o)
		}
	}
}

func TestPartsFindReaders(t *testing.T) {
	for _, c := range []struct {
		saved, hosts int
		want         []int
	}{{4, 4, []int{0, 1, 2, 3}}, {4, 3, []int{0, 1, 2, 0}}, {4, 1, []int{0, 0, 0, 0}}, {2, 5, []int{0, 1}}} {
		dir := t.TempDir()
		write(t, 1, 0, c.saved, dir)
		write(t, 2, 1, c.saved, dir)
		outcomes, warned := agree(t, c.hosts, dir, nil)
		p := same(t, outcomes)
		if diff := cmp.Diff(c.want, p.Readers); diff != "" || p.Generation != 2 || len(p.Chain) != 2 || len(warned) > 0 {
			t.Errorf("%d on %d: generation %d, warnings %v, readers (-want +got):\n%s", c.saved, c.hosts, p.Generation, warned, diff)
		}
	}
}

// Without Gather there is one host.
func TestAlone(t *testing.T) {
	dir := t.TempDir()
	write(t, 1, 0, 2, dir)
	p, err := Agree(Config{Size: 1, Longest: longest, Want: dir, Fit: func(*core.Saved) error { return nil }})
	if err != nil || !cmp.Equal(p.Readers, []int{0, 0}) {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestDirectoriesOfEachHost(t *testing.T) {
	dirs := []string{t.TempDir(), t.TempDir(), t.TempDir()}
	write(t, 1, 0, 3, dirs...)
	at := func(where ...int) func(c *Config) { return func(c *Config) { c.Want = dirs[where[c.Rank]] } }
	outcomes, _ := agree(t, 3, "", at(0, 2, 1))
	if p := same(t, outcomes); !cmp.Equal(p.Readers, []int{0, 2, 1}) {
		t.Errorf("readers %v", p.Readers)
	}
	outcomes, _ = agree(t, 5, "", at(0, 0, 1, 1, 2))
	if p := same(t, outcomes); !cmp.Equal(p.Readers, []int{0, 2, 4}) {
		t.Errorf("readers %v", p.Readers)
	}
	outcomes, _ = agree(t, 2, "", at(0, 1))
	failed(t, outcomes, "checkpoint 1 cannot be used, and there is none before it", "the part of host 2 is in the directory of no host")
}

// A host without a directory of its own looks where host 0 does, also when that has a path that counts from where it was started.
func TestRelativePaths(t *testing.T) {
	top := t.TempDir()
	write(t, 1, 0, 3, filepath.Join(top, "here"))
	outcomes, _ := agree(t, 3, "", func(c *Config) {
		c.Absolute = func(path string) string { return filepath.Join(top, path) }
		switch c.Rank {
		case 0:
			c.Want = "here:1"
		case 1:
			c.Want = "here"
		}
	})
	for rank, o := range outcomes {
		if o.err != nil || o.plan.Dir != filepath.Join(top, "here") {
			t.Errorf("host %d: %+v", rank, o)
		}
	}
}

func TestWhatIsNotWholeIsPassedOver(t *testing.T) {
	dir := t.TempDir()
	for g := uint64(1); g <= 5; g++ {
		write(t, g, 0, 2, dir)
	}
	damage(t, dir, "jia-ckpt-5.manifest")
	damage(t, dir, "jia-ckpt-4-*-1.part")
	if paths, _ := filepath.Glob(filepath.Join(dir, "jia-ckpt-3-*-0.part")); len(paths) != 1 || os.Remove(paths[0]) != nil {
		t.Fatal(paths)
	}
	outcomes, warned := agree(t, 3, dir, nil)
	if p := same(t, outcomes); p.Generation != 2 {
		t.Errorf("generation %d", p.Generation)
	}
	for i, parts := range [][]string{
		{"checkpoint 5 in " + dir + " is not used, but the one before, 4: ", "jia-ckpt-5.manifest"},
		{"checkpoint 4 in ", "but the one before, 3: host 1: ", "-1.part is damaged"},
		{"checkpoint 3 in ", "but the one before, 2: the part of host 0 is in the directory of no host"},
	} {
		for _, part := range parts {
			if len(warned) != 3 || !strings.Contains(warned[i], part) {
				t.Errorf("warning %d is not %q: %q", i, part, warned)
			}
		}
	}
	outcomes, warned = agree(t, 2, dir+":4", nil)
	failed(t, outcomes, "checkpoint 4 in "+dir+" cannot be used: host 1: ", "JIA_RESTORE="+dir+" takes the newest one that can")
	if len(warned) > 0 {
		t.Errorf("warnings %q", warned)
	}
	outcomes, _ = agree(t, 2, dir+":1", nil)
	if p := same(t, outcomes); p.Generation != 1 {
		t.Errorf("generation %d", p.Generation)
	}
}

// A job does not go on with what another one has left in its directory.
func TestOtherJobsGenerations(t *testing.T) {
	dir := t.TempDir()
	for g := uint64(1); g <= 3; g++ {
		write(t, g, 0, 2, dir)
	}
	after := func(c *Config) { c.After = 2 }
	outcomes, _ := agree(t, 2, dir, after)
	if p := same(t, outcomes); p.Generation != 3 {
		t.Errorf("generation %d", p.Generation)
	}
	damage(t, dir, "jia-ckpt-3-*-1.part")
	outcomes, warned := agree(t, 2, dir, after)
	failed(t, outcomes, "checkpoint 3 cannot be used, and 2 and those before it are of another job: host 1: ", "-1.part is damaged")
	if len(warned) > 0 {
		t.Errorf("%q", warned)
	}
}

func TestNothingIsThere(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, says := range map[string]string{
		dir:                        "it has no complete checkpoint",
		dir + ":3":                 "there is no checkpoint 3 in " + dir,
		filepath.Join(dir, "none"): "no such file or directory",
		file:                       "not a directory",
	} {
		outcomes, _ := agree(t, 2, want, nil)
		failed(t, outcomes, says)
	}
}

// What does not fit this job ends it: an older generation would not either.
func TestFit(t *testing.T) {
	dir := t.TempDir()
	write(t, 1, 0, 2, dir)
	write(t, 2, 0, 2, dir)
	outcomes, warned := agree(t, 2, dir, func(c *Config) {
		c.Fit = func(*core.Saved) error { return errors.New("it has other pages") }
	})
	failed(t, outcomes, "checkpoint 2 in "+dir+" cannot be restored here: it has other pages")
	if len(warned) > 0 {
		t.Errorf("warnings %q", warned)
	}
}

// A host that works for long keeps the others in rounds, each of which ends in time.
func TestLongWork(t *testing.T) {
	j := newJob(2)
	let := make(chan struct{})
	var group sync.WaitGroup
	for rank := range 2 {
		c := &Config{Rank: rank, Size: 2, Longest: longest, Patience: time.Millisecond, Gather: func(text string) ([]string, error) {
			texts, err := j.gather(rank, text)
			if rank == 0 {
				j.mu.Lock()
				if j.rounds == 3 {
					close(let)
				}
				j.mu.Unlock()
			}
			return texts, err
		}}
		group.Go(func() {
			said, err := c.work(func() string {
				if rank == 1 {
					<-let
				}
				return fmt.Sprint("from ", rank)
			})
			if diff := cmp.Diff([]string{"from 0", "from 1"}, said); diff != "" || err != nil {
				t.Errorf("%v, (-want +got):\n%s", err, diff)
			}
		})
	}
	group.Wait()
	if j.rounds < 4 {
		t.Errorf("%d rounds", j.rounds)
	}
}

// A reason that is too long for a text is cut.
func TestLongReason(t *testing.T) {
	c := &Config{Size: 1, Longest: longest}
	var reason strings.Builder
	for i := range 1000 {
		fmt.Fprint(&reason, i*i*i, "é")
	}
	said, err := c.work(reason.String)
	if err != nil || len(said) != 1 || len(said[0]) < longest/4 || !strings.HasPrefix(reason.String(), said[0]) {
		t.Errorf("%q, %v", said, err)
	}
}

// What another host says is checked.
func TestNonsense(t *testing.T) {
	for _, text := range []string{silent, "x", "5", "-1:", "9:", "4:AAAA", "4:!!!!", "1:AAAA"} {
		c := &Config{Rank: 1, Size: 2, Longest: longest, Gather: func(string) ([]string, error) { return []string{text, silent}, nil }}
		if err := c.tell(nil, new(proposal)); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	c := &Config{Rank: 1, Size: 3, Longest: longest, Gather: func(string) ([]string, error) { return []string{silent}, nil }}
	if _, err := c.round(silent); err == nil {
		t.Error("texts of too few hosts are taken")
	}
}
