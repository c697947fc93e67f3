package keep

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// complete makes what counts as a complete checkpoint for the keeper: its manifest's name.
func complete(t *testing.T, dir string, number int) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("jia-ckpt-%d.manifest", number)), nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

// A restart begins from the newest checkpoint of this job; those that were there before are another's.
func TestWhereARestartBegins(t *testing.T) {
	dir := t.TempDir()
	complete(t, dir, 4)
	var said []string
	k := &keeper{Config: Config{MaxRestarts: 3, CkptDir: dir, Env: []string{"A=1"}, say: func(line string) { said = append(said, line) }}, started: newest(dir)}
	again := verdict{again: true, line: "gone, which ends the job"}
	k.follows(again)
	if restore := k.get("JIA_RESTORE"); restore != "" {
		t.Errorf("%q", restore)
	}
	complete(t, dir, 11)
	complete(t, dir, 7)
	k.follows(again)
	if restore, after := k.get("JIA_RESTORE"), k.get(EnvAfter); restore != dir || after != "4" {
		t.Errorf("%q, after %q", restore, after)
	}
	k.Env = append(k.Env, "JIA_RESTORE=/old:3")
	k.started.number = 20
	k.follows(again)
	if k.follows(again) {
		t.Error("a fourth one")
	}
	want := []string{"restart 1 of 3, from the beginning: gone", "restart 2 of 3, from checkpoint 11 in " + dir + ": gone",
		"restart 3 of 3, from /old:3, as the first time: gone", "gone, which ends the job after 3 restarts"}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Error(diff)
	}
}

// Machines that do not answer cost no restart, and stay out.
func TestMachinesThatAreLeftOut(t *testing.T) {
	var said []string
	k := &keeper{Config: Config{MaxRestarts: 1, say: func(line string) { said = append(said, line) }, LeaveOut: func(machines []string) error {
		if len(machines) > 2 {
			return errors.New("there are no more")
		}
		return nil
	}}}
	silent := func(name string) verdict {
		return verdict{again: true, line: name + " is silent", leaveOut: []string{name}}
	}
	if k.follows(silent("a")) {
		t.Error("at the start")
	}
	k.follows(verdict{again: true, line: "gone"})
	k.follows(silent("a"))
	k.follows(silent("b"))
	if got := k.get(EnvLeftOut); got != "a b" {
		t.Errorf("%q", got)
	}
	if k.follows(silent("c")) {
		t.Error("without any")
	}
	want := []string{"a is silent", "restart 1 of 1, from the beginning: gone", "the restart does without a: a is silent",
		"the restart does without b: b is silent", "c is silent; there are no more"}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Error(diff)
	}
}
