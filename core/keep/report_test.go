package keep

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestReportsArriveAsTheyWereSent(t *testing.T) {
	for _, r := range []Report{
		{Kind: Begun, Pid: 1}, {Kind: Lost, Host: -1, Line: "a <b> & \"c\""}, {Kind: Lost, Host: 0, Line: "x"}, {Kind: Vanished}, {Kind: Failed},
		{Kind: Unreachable, Line: "no answer", Machines: []string{"node1", "fd00::1"}}, {Kind: Interrupted}, {Kind: Done},
	} {
		got, ok := decode(r.encode())
		if diff := cmp.Diff(r, got); diff != "" || !ok {
			t.Errorf("%v %s", ok, diff)
		}
	}
}

// What is too long for one piece of a pipe is cut, not lost.
func TestLongReportsAreCut(t *testing.T) {
	for _, r := range []Report{
		{Kind: Lost, Line: strings.Repeat("ä\"<", 5000)},
		{Kind: Unreachable, Line: "no answer" + strings.Repeat(".", 5000), Machines: strings.Fields(strings.Repeat("node1234 ", 3000))},
	} {
		text := r.encode()
		got, ok := decode(text)
		if !ok || len(text) > maxReport || len(text) < maxReport/3 {
			t.Errorf("%d bytes, %+v", len(text), got)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"kind":"lost","host":3,"line":"gone"}`))
	f.Add([]byte(`{"kind":"unreachable","line":"no","machines":["a b"]}`))
	f.Add([]byte(`{"kind":"begun","pid":-1}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, ok := decode(line)
		if !ok {
			return
		}
		again, ok := decode(r.encode())
		if diff := cmp.Diff(r, again); !ok || diff != "" {
			t.Errorf("%v %s", ok, diff)
		}
	})
}

func TestReportsThroughAFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	c, err := openFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(Env, c.value)
	r := Find()
	if r == nil || os.Getenv(Env) != "" {
		t.Fatalf("%v, %q", r, os.Getenv(Env))
	}
	want := []Report{{Kind: Lost, Host: 1, Line: "gone"}, {Kind: Failed}}
	for _, report := range want {
		if !r.Tell(report) {
			t.Error("not told")
		}
	}
	r.Close()
	if diff := cmp.Diff(want, c.rest()); diff != "" {
		t.Error(diff)
	}
	c.close()
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// The hosts can report even if there is no room left for checkpoints.
func TestReportsOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("keep", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("cannot mount a small file system: %v", err)
	}
	defer func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	c, err := openFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if err := os.WriteFile(filepath.Join(dir, "checkpoint"), make([]byte, 1<<20), 0o644); !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	t.Setenv(Env, c.value)
	r := Find()
	defer r.Close()
	want := Report{Kind: Lost, Host: 1, Line: strings.Repeat("gone", maxReport/8)}
	if !r.Tell(want) {
		t.Error("not told")
	}
	if diff := cmp.Diff([]Report{want}, c.rest()); diff != "" {
		t.Error(diff)
	}
}

// What a keeper that was killed has left behind goes with the next one; what a living one has stays.
func TestFilesThatAreLeftOver(t *testing.T) {
	dir := t.TempDir()
	living, err := openFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	dead, err := openFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	_ = dead.read.Close()
	others := filepath.Join(dir, "jia-ckpt-1.manifest")
	if err := os.WriteFile(others, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	next, err := openFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	for path, there := range map[string]bool{living.path: true, dead.path: false, others: true, next.path: true} {
		if _, err := os.Stat(path); (err == nil) != there {
			t.Errorf("%s: %v", path, err)
		}
	}
	next.close()
	living.close()
}

// The reports end with the pipe, or when finish says so, and none that was written is lost.
func TestReportsThroughAPipe(t *testing.T) {
	for _, held := range []bool{false, true} {
		c, err := openPipe()
		if err != nil {
			t.Fatal(err)
		}
		r := NewReporter(c.write)
		want := []Report{{Kind: Begun, Pid: 3}, {Kind: Lost, Host: 1, Line: "gone"}}
		for _, report := range want {
			r.Tell(report)
		}
		if held {
			c.finish()
		} else {
			c.spawned()
		}
		var got []Report
		for over := false; !over; {
			select {
			case report := <-c.reports:
				got = append(got, report)
			case <-c.over:
				over = true
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		c.close()
	}
}

// A value that another process has left behind means nothing.
func TestAStaleValue(t *testing.T) {
	for _, value := range []string{"", "1", "x,1", "0,1", "3,-1", "99999,1"} {
		if IsKept(value) {
			t.Errorf("%q", value)
		}
		t.Setenv(Env, value)
		if Find() != nil {
			t.Errorf("%q", value)
		}
	}
}
