package tests

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// saved returns a directory with the checkpoints of a run of the program restored on so many hosts: a full one and one that builds on it.
func saved(t *testing.T, hosts int, env ...string) string {
	t.Helper()
	dir := filepath.Join(publicDir(t), "checkpoints")
	job{program: "restored", args: []string{strconv.Itoa(hosts)}, hosts: hosts, env: append(env, "JIA_CKPT_DIR="+dir)}.run(t).good(t, "restored: 0, wrote 2")
	return dir
}

// restoring is a job that begins from what a run on so many hosts has saved.
func restoring(from, hosts int, env ...string) job {
	return job{program: "restored", args: []string{strconv.Itoa(from)}, hosts: hosts, env: env}
}

func TestRestoreOnAnyNumberOfHosts(t *testing.T) {
	for i, backend := range backends { // what the other one has saved
		dir := saved(t, 4, "JIA_FAULT="+backends[1-i], transports[i])
		for _, hosts := range []int{1, 2, 3, 4, 6, 8} {
			for _, transport := range transportsAmong(hosts) {
				t.Run(fmt.Sprintf("%s/%s/hosts=%d", backend, transport, hosts), func(t *testing.T) {
					restoring(4, hosts, "JIA_RESTORE="+dir, "JIA_FAULT="+backend, transport).run(t).good(t, "restored: ok, from 2, now 0")
				})
			}
		}
	}
}

// Objects of pools stay what they are, and their pages find owners among the hosts that there are.
func TestRestorePools(t *testing.T) {
	for _, saving := range []int{1, 4} {
		for _, env := range crossed() {
			dir := filepath.Join(publicDir(t), "checkpoints")
			job{program: "restored_pools", args: []string{"save"}, hosts: saving, env: append(env, "JIA_CKPT_DIR="+dir)}.run(t).good(t, "restored_pools: saved")
			for _, hosts := range []int{1, 2, 3, 4, 6, 8} {
				t.Run(fmt.Sprintf("%s/%d-%d", strings.Join(env, ","), saving, hosts), func(t *testing.T) {
					job{program: "restored_pools", args: []string{"resume"}, hosts: hosts, env: append(env, "JIA_RESTORE="+dir)}.run(t).good(t, "restored_pools: ok, 1131 objects")
				})
			}
		}
	}
}

// A run that begins from a checkpoint takes its own, from which others begin.
func TestRestoreOverAndOver(t *testing.T) {
	dir := saved(t, 4)
	from := 4
	for i, hosts := range []int{2, 3, 1, 6, 6} {
		j := restoring(from, hosts, "JIA_RESTORE="+dir, "JIA_CKPT_DIR="+dir, "MOVED=1")
		j.args = append(j.args, "again")
		j.run(t).good(t, fmt.Sprintf("restored: ok, from %d, now %d", 2+i, 3+i))
		from = hosts
	}
}

func TestRestoreUnderOtherSettings(t *testing.T) {
	for _, setting := range []string{"JIA_PAGE_SIZE=16K", "JIA_PAGE_SIZE=2M", "JIA_CKPT_COMPRESS=on", "JIA_CKPT_FULL=1"} {
		dir := saved(t, 3, setting)
		for _, transport := range transports {
			t.Run(setting+"/"+transport, func(t *testing.T) {
				restoring(3, 4, "JIA_RESTORE="+dir, setting, transport).run(t).good(t, "restored: ok")
			})
		}
	}
	dir := saved(t, 1)
	for _, setting := range []string{"JIA_CACHE_SIZE=64K", "JIA_PREFETCH=off", "JIA_REGION_SIZE=8M", "JIA_CKPT_DIR=" + dir} {
		t.Run(setting, func(t *testing.T) {
			restoring(1, 3, "JIA_RESTORE="+dir, setting).run(t).good(t, "restored: ok")
			restoring(1, 1, "JIA_RESTORE="+dir, setting).run(t).good(t, "restored: ok")
		})
	}
}

func TestCallsThatDoNotFitTheCheckpoint(t *testing.T) {
	dir := saved(t, 2)
	for _, test := range []struct {
		what  string
		parts []string
	}{
		{"other", []string{"jia_alloc(12288), but the checkpoint has jia_alloc1(12288) next after 1 others"}},
		{"size", []string{"jia_alloc2p(16384, ", "but the checkpoint has jia_alloc2p(12288, 1) next"}},
		{"more", []string{"jia_alloc(4096), but the checkpoint has jia_alloc_array(45056, 8192"}},
	} {
		for _, hosts := range []int{1, 2, 3} {
			t.Run(fmt.Sprintf("%s/hosts=%d", test.what, hosts), func(t *testing.T) {
				j := restoring(2, hosts, "JIA_RESTORE="+dir)
				j.args = append(j.args, test.what)
				j.run(t).failed(t, test.parts...)
			})
		}
	}
}

// resumed runs the example, from a checkpoint or from the start, and returns the sum that it prints.
func resumed(t *testing.T, program string, hosts int, env ...string) (sum, stderr string) {
	t.Helper()
	args := map[string][]string{"resume_jacobi": {"90", "40", "10"}, "resume_queue": {"80", "10", "2"}}[program]
	env = append([]string{"JIA_CKPT_DIR=" + publicDir(t)}, env...)
	r := job{program: program, args: args, hosts: hosts, env: env}.run(t)
	_, sum, _ = strings.Cut(r.stdout, "ok, sum ")
	sum, _, _ = strings.Cut(sum, ",")
	stderr, r.stderr = r.stderr, ""
	r.good(t, "ok, sum ")
	return sum, stderr
}

// The examples come to the same result from wherever they begin, on any number of hosts.
func TestResume(t *testing.T) {
	for _, program := range []string{"resume_jacobi", "resume_queue"} {
		dir := filepath.Join(publicDir(t), "checkpoints")
		want, _ := resumed(t, program, 4, "JIA_CKPT_DIR="+dir, "JIA_CKPT_KEEP=9", "JIA_CKPT_FULL=3")
		for generation := 1; generation <= 4; generation++ {
			for _, hosts := range [][]int{{2}, {1}, {4}, {1, 3, 6}}[generation-1] {
				sum, stderr := resumed(t, program, hosts, fmt.Sprintf("JIA_RESTORE=%s:%d", dir, generation), "JIA_LOG=info")
				if sum != want || !strings.Contains(stderr, fmt.Sprintf("goes on from checkpoint %d in %s", generation, dir)) {
					t.Errorf("%s from %d on %d hosts: %q and not %q; stderr:\n%s", program, generation, hosts, sum, want, stderr)
				}
			}
		}
	}
}

func TestNothingToRestore(t *testing.T) {
	empty := publicDir(t)
	dir := saved(t, 2)
	for _, hosts := range []int{1, 3} {
		for _, test := range []struct {
			restore string
			parts   []string
		}{
			{"/nowhere/at/all", []string{"there is nothing to restore", "/nowhere/at/all", "no such file or directory", "JIA_RESTORE"}},
			{empty, []string{"there is nothing to restore in " + empty, "no complete checkpoint"}},
			{empty + ":3", []string{"there is no checkpoint 3 in " + empty}},
			{dir + ":7", []string{"there is no checkpoint 7 in " + dir}},
		} {
			restoring(2, hosts, "JIA_RESTORE="+test.restore).run(t).failed(t, test.parts...)
		}
		restoring(2, hosts, "JIA_RESTORE="+dir, "JIA_PAGE_SIZE=16K").run(t).failed(t, "pages of 4096 bytes", "set JIA_PAGE_SIZE=4096")
		restoring(2, hosts, "JIA_RESTORE="+dir, "JIA_REGION_SIZE=1M").run(t).failed(t, "do not fit", "raise JIA_REGION_SIZE")
	}
	if left := list(empty); len(left) > 0 {
		t.Errorf("a restore has made %v", left)
	}
}

// damage returns a copy of a directory of checkpoints in which one file is changed.
func damage(t *testing.T, dir, pattern string, change func(path string) error) string {
	t.Helper()
	to := filepath.Join(publicDir(t), "damaged")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(filepath.Join(to, pattern))
	if err != nil || len(paths) != 1 {
		t.Fatalf("%s: %v, %v", pattern, paths, err)
	}
	if err := change(paths[0]); err != nil {
		t.Fatal(err)
	}
	return to
}

// flip changes one bit in the middle of a file.
func flip(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	data[len(data)/2] ^= 16
	return os.WriteFile(path, data, 0o600)
}

func cut(path string) error { return os.Truncate(path, 1000) }

// What is not whole is passed over with one line, unless it was asked for by its number.
func TestDamagedCheckpointIsPassedOver(t *testing.T) {
	good := filepath.Join(publicDir(t), "checkpoints")
	want, _ := resumed(t, "resume_jacobi", 3, "JIA_CKPT_DIR="+good, "JIA_CKPT_KEEP=9", "JIA_CKPT_FULL=2")
	for _, test := range []struct {
		name, file string
		change     func(string) error
		from       string // the newest one that can be used
		says       string
	}{
		{"a bit of a part", "jia-ckpt-4-*-1.part", flip, "3", "damaged"},
		{"a part cut short", "jia-ckpt-4-*-2.part", cut, "3", ""},
		{"a part that is missing", "jia-ckpt-4-*-0.part", os.Remove, "3", "the part of host 0 is in the directory of no host"},
		{"a manifest", "jia-ckpt-4.manifest", flip, "3", "jia-ckpt-4.manifest"},
		{"a manifest that is missing", "jia-ckpt-4.manifest", os.Remove, "3", "-"},
		{"a part that the newest builds on", "jia-ckpt-3-*-1.part", flip, "2", "damaged"},
		{"a manifest that it builds on", "jia-ckpt-3.manifest", os.Remove, "2", ""},
	} {
		for _, hosts := range []int{1, 4} {
			t.Run(fmt.Sprintf("%s/hosts=%d", test.name, hosts), func(t *testing.T) {
				dir := damage(t, good, test.file, test.change)
				sum, stderr := resumed(t, "resume_jacobi", hosts, "JIA_RESTORE="+dir)
				if sum != want {
					t.Errorf("the sum is %q and not %q", sum, want)
				}
				lines := strings.Count(stderr, "\n")
				if test.says == "-" {
					if lines != 0 {
						t.Errorf("it says\n%s", stderr)
					}
					return
				}
				if lines < 1 || lines > 2 || !strings.Contains(stderr, "checkpoint 4 in "+dir+" is not used") ||
					!strings.Contains(stderr, "but the one before, "+test.from) || !strings.Contains(stderr, test.says) {
					t.Errorf("not a line for each that is not used, with %q:\n%s", test.says, stderr)
				}
				if hosts > 1 && test.file != "jia-ckpt-4.manifest" {
					restoring(3, hosts, "JIA_RESTORE="+dir+":4").run(t).failed(t, "checkpoint 4 in "+dir+" cannot be used", "JIA_RESTORE="+dir+" takes")
				}
			})
		}
	}
	all := damage(t, good, "jia-ckpt-1-*-1.part", flip)
	for generation := 2; generation <= 4; generation++ {
		_ = os.Remove(filepath.Join(all, fmt.Sprintf("jia-ckpt-%d.manifest", generation)))
	}
	restoring(3, 2, "JIA_RESTORE="+all).run(t).failed(t, "there is nothing to restore in "+all, "checkpoint 1 cannot be used, and there is none before it", "damaged")
}

// ranked runs the program restored as a launcher of the user's own does, each host with settings of its own.
func ranked(t *testing.T, args []string, own [][]string) (results []result) {
	t.Helper()
	for _, r := range startRanked(t, "restored", args, own) {
		results = append(results, r.wait())
	}
	return results
}

// startRanked starts a program in that way.
func startRanked(t *testing.T, program string, args []string, own [][]string) (jobs []*running) {
	t.Helper()
	secret := filepath.Join(publicDir(t), "secret")
	if err := os.WriteFile(secret, []byte("the secret of "+secret), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	root := l.Addr().String()
	_ = l.Close()
	for rank, env := range own {
		dir := publicDir(t)
		for _, e := range env {
			if to, ok := strings.CutPrefix(e, "PWD="); ok {
				dir = to
			}
		}
		jobs = append(jobs, job{program: program, args: args, wrap: []string{"sh", "-c", `cd "$0" && exec "$@"`, dir},
			env: append(slices.Clone(env), fmt.Sprintf("JIA_RANK=%d", rank), fmt.Sprintf("JIA_SIZE=%d", len(own)), "JIA_ROOT="+root, "JIA_SECRET_FILE="+secret)}.start(t))
	}
	return jobs
}

// machines is one directory for each of so many machines, with a folder that only the hosts there see.
func machines(t *testing.T, n int) (dirs []string) {
	t.Helper()
	for range n {
		dirs = append(dirs, publicDir(t))
	}
	return dirs
}

func TestRestoreFromDisksOfTheMachines(t *testing.T) {
	disks := machines(t, 4)
	var own [][]string
	for _, d := range disks {
		own = append(own, []string{"PWD=" + d, "JIA_CKPT_DIR=ckpt"}) // a path that counts from where the host was started
	}
	for i, r := range ranked(t, []string{"4"}, own) {
		r.good(t, []string{"restored: 0, wrote 2", "", "", ""}[i])
	}
	for i, d := range disks {
		if n := len(list(filepath.Join(d, "ckpt"))); n != 2+2*max(0, 1-i) {
			t.Errorf("host %d has %d files", i, n)
		}
	}
	for _, test := range []struct {
		name string
		at   []int // which machine each host is on
	}{
		{"as they were", []int{0, 1, 2, 3}},
		{"on each other's machines", []int{0, 3, 1, 2}},
		{"more hosts", []int{0, 2, 2, 1, 3, 0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var own [][]string
			for _, d := range test.at {
				own = append(own, []string{"PWD=" + disks[d], "JIA_RESTORE=ckpt", "MOVED=1"})
			}
			for i, r := range ranked(t, []string{"4"}, own) {
				r.good(t, []string{"restored: ok, from 2", "", "", "", "", ""}[i])
			}
		})
	}
	t.Run("without one of the machines", func(t *testing.T) {
		said := false
		for _, r := range ranked(t, []string{"4"}, [][]string{{"PWD=" + disks[0], "JIA_RESTORE=ckpt"}, {"PWD=" + disks[1], "JIA_RESTORE=ckpt"}, {"PWD=" + disks[3], "JIA_RESTORE=ckpt"}}) {
			if r.status == 0 {
				t.Errorf("%v has ended well", r.job)
			}
			said = said || strings.Contains(r.stderr, "the part of host 2 is in the directory of no host")
		}
		if !said {
			t.Error("no host says whose part is missing")
		}
	})
	// Two machines take the disks of the others; those that have no setting of their own look where host 0 does.
	t.Run("fewer hosts, with copied files", func(t *testing.T) {
		for _, d := range disks[1:] {
			if err := copyFiles(filepath.Join(disks[0], "ckpt"), filepath.Join(d, "ckpt")); err != nil {
				t.Fatal(err)
			}
		}
		for i, r := range ranked(t, []string{"4"}, [][]string{{"JIA_RESTORE=" + filepath.Join(disks[0], "ckpt")}, nil, nil}) {
			r.good(t, []string{"restored: ok, from 2", "", ""}[i])
		}
	})
}

// copyFiles copies what is in a folder into another one.
func copyFiles(to, from string) error {
	for _, name := range list(from) {
		data, err := os.ReadFile(filepath.Join(from, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), data, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
