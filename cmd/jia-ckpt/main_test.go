package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"jiajia/ckpt"
)

// directory makes one with generations 1 (full), 2 on 1 and 3 (full), of two hosts.
func directory(t *testing.T) string {
	dir := t.TempDir()
	s := ckpt.Open(dir)
	job := ckpt.JobID{0xab, 0xcd}
	for i, base := range []uint64{0, 1, 0} {
		g := uint64(i + 1)
		m := &ckpt.Manifest{Job: job, Generation: g, Base: base, Hosts: 2, PageSize: 4096, Time: time.Unix(1e9, 0), State: []byte(`{"allocations":[17]}`)}
		for host := range 2 {
			part, err := create(s, ckpt.PartInfo{Job: job, Generation: g, Base: base, Host: host, Hosts: 2, PageSize: 4096})
			if err != nil {
				t.Fatal(err)
			}
			m.Parts = append(m.Parts, part)
		}
		if err := s.Commit(m); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func create(s *ckpt.Store, info ckpt.PartInfo) (ckpt.Part, error) {
	w, err := s.CreatePart(info)
	if err != nil {
		return ckpt.Part{}, err
	}
	if err := w.Zero(5, 100); err != nil {
		return ckpt.Part{}, err
	}
	if err := w.Pages(uint64(info.Host), make([]byte, 4096*(info.Host+1))); err != nil {
		return ckpt.Part{}, err
	}
	if err := w.Section("private:table", []byte("123")); err != nil {
		return ckpt.Part{}, err
	}
	return w.Close()
}

func part(t *testing.T, dir, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %v %v", pattern, found, err)
	}
	return found[0]
}

func TestReports(t *testing.T) {
	for _, test := range []struct {
		name   string
		harm   func(t *testing.T, dir string)
		args   string // DIR is the directory
		status int
		want   []string // lines, as regular expressions
	}{
		{"list", nil, "list DIR", exitOK, []string{`3 +2001-09-0.* +2 +2 +full +3 +0.0 +abcd0000`, `2 .* 2 +2 +1 +3 `}},
		{"verify", nil, "verify DIR", exitOK, []string{`generation 3: good`, `generation 2: good, with the 1 that it builds on`}},
		{"verify one", nil, "verify DIR:2", exitOK, []string{`generation 2: good, .*`}},
		{"show", nil, "show DIR:2", exitOK, []string{`generation 2 of job abcd0+`, `taken 2001.*, by 2 hosts`, `builds on 1, which is full`,
			`1 +2 +100 +0.0 +"private:table" \(3\)`, `state of the job: \{`, ` +17`}},
		{"show the newest", nil, "show DIR", exitOK, []string{`generation 3 of job .*`, `full`}},
		{"damage", flipped, "verify DIR", exitFailed, []string{`generation 3: good`,
			`generation 2: .*jia-ckpt-1-abcd0000-1.part is damaged at byte 112: .*contents is wrong`, `jia-ckpt: 2 of 3 generations cannot be restored`}},
		{"damage shown", flipped, "show DIR:1", exitFailed, []string{`1 .* is damaged at byte 112: .*`}},
		{"a part missing", removed, "verify DIR:1", exitFailed, []string{`generation 1: of its 2 parts, 1 are here .*`}},
		{"allowed", removed, "verify --here DIR:1", exitOK, []string{`generation 1: good`}},
		{"listed", removed, "list DIR", exitOK, []string{`1 .* 2 +1 +full .*`}},
		{"shown", removed, "show DIR:1", exitOK, []string{`1 .*\(not in this directory\)`}},
		{"a manifest damaged", cut, "list DIR", exitFailed, []string{`1 .*jia-ckpt-1.manifest is damaged: .*`, `jia-ckpt: 1 of 3 manifests .*`}},
		{"its chain", cut, "verify DIR:2", exitFailed, []string{`generation 2: .* builds on 1: .*jia-ckpt-1.manifest is damaged: .*`}},
		{"no such", nil, "show DIR:7", exitFailed, []string{`jia-ckpt: .* has no checkpoint 7; jia-ckpt list .* says which there are`}},
		{"nothing to verify", nil, "verify DIR:7", exitFailed, []string{`jia-ckpt: .* has no checkpoint 7; .*`}},
		{"nothing", emptied, "list DIR", exitOK, []string{`.* has no complete checkpoint`}},
		{"nothing to show", emptied, "show DIR", exitFailed, []string{`.* has no complete checkpoint .*`}},
		{"no directory", nil, "list DIR/x", exitFailed, []string{`jia-ckpt: .*/x: no such file or directory`}},
		{"a file", nil, "list DIR/jia-ckpt-1.manifest", exitFailed, []string{`.* is not a directory`}},
		{"no command", nil, "", exitUsage, []string{`jia-ckpt: no command; .*`}},
		{"wrong command", nil, "prune DIR", exitUsage, []string{`jia-ckpt: no command is called "prune"; .*`}},
		{"wrong option", nil, "list --here DIR", exitUsage, []string{`jia-ckpt: --here belongs to verify; .*`}},
		{"unknown option", nil, "list --all DIR", exitUsage, []string{`jia-ckpt: flag provided but not defined: .*`}},
		{"two directories", nil, "list DIR DIR", exitUsage, []string{`jia-ckpt: list takes one directory, .*`}},
		{"help", nil, "--help", exitOK, []string{`usage: jia-ckpt list DIR`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := directory(t)
			if test.harm != nil {
				test.harm(t, dir)
			}
			var text strings.Builder
			status := run(strings.Fields(strings.ReplaceAll(test.args, "DIR", dir)), &text, &text)
			if status != test.status {
				t.Errorf("status %d\n%s", status, text.String())
			}
			for _, want := range test.want {
				if !regexp.MustCompile("(?m)^" + want).MatchString(text.String()) {
					t.Errorf("no line %q in\n%s", want, text.String())
				}
			}
		})
	}
}

func flipped(t *testing.T, dir string) {
	name := part(t, dir, "jia-ckpt-1-*-1.part")
	b, err := os.ReadFile(name)
	if err == nil {
		b[500] ^= 1
		err = os.WriteFile(name, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func removed(t *testing.T, dir string) {
	if err := os.Remove(part(t, dir, "jia-ckpt-1-*-1.part")); err != nil {
		t.Fatal(err)
	}
}

func cut(t *testing.T, dir string) {
	if err := os.Truncate(part(t, dir, "jia-ckpt-1.manifest"), 100); err != nil {
		t.Fatal(err)
	}
}

func emptied(t *testing.T, dir string) {
	for _, g := range []string{"1", "2", "3"} {
		if err := os.Remove(part(t, dir, "jia-ckpt-"+g+".manifest")); err != nil {
			t.Fatal(err)
		}
	}
}

// TestManual: the page names every command and option of the help text, and mandoc has nothing to say against it.
func TestManual(t *testing.T) {
	page, err := os.ReadFile("jia-ckpt.1")
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range regexp.MustCompile(`(?m)^  (--)?([a-z]+)`).FindAllStringSubmatch(usage, -1) {
		macro := "\n.It Cm " + item[2]
		if item[1] != "" {
			macro = "\n.It Fl -" + item[2]
		}
		if !strings.Contains(string(page), macro+"\n") {
			t.Errorf("the manual page has no %s", item[0])
		}
	}
	if _, err := exec.LookPath("mandoc"); err != nil {
		t.Skipf("the package mandoc is not here: %v", err)
	}
	if text, err := exec.Command("mandoc", "-Tlint", "-Wwarning", "jia-ckpt.1").CombinedOutput(); err != nil || len(text) > 0 {
		t.Errorf("mandoc: %v\n%s", err, text)
	}
}
