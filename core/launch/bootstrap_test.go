package launch

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A visit runs the script as sshd would, with a program that is a shell script itself.
type visit struct {
	home string
	path string // of the program, as host 0's machine has it
	dir  string
}

const visitor = "#!/bin/sh\necho \"agent $JIA_AGENT at $0 in $(pwd)\"\n"

func (v visit) run(t *testing.T, shell string, program string) (stdout, stderr string, err error) {
	t.Helper()
	sum := sha256.Sum256([]byte(program))
	var input bytes.Buffer
	fmt.Fprintf(&input, "%s%s\n%d\n%s\n%s\n%s\n", scriptLine(), hex.EncodeToString(sum[:]), len(program), v.path, filepath.Base(v.path), v.dir)
	input.WriteString(program) // read only if it is asked for
	cmd := exec.Command(shell, "-c", loginCommand)
	cmd.Stdin = &input
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + v.home}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

func TestScriptFindsOrFetchesTheProgram(t *testing.T) {
	for _, shell := range []string{"sh", "bash", "csh", "tcsh", "fish", "zsh", "ksh", "mksh"} {
		path, err := exec.LookPath(shell)
		if err != nil {
			continue
		}
		t.Run(shell, func(t *testing.T) {
			here := t.TempDir()
			v := visit{home: filepath.Join(here, "home"), path: filepath.Join(here, "my app"), dir: filepath.Join(here, "work dir")}
			for _, dir := range []string{v.home, v.dir} {
				if err := os.Mkdir(dir, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			sum := sha256.Sum256([]byte(visitor))
			copied := filepath.Join(v.home, ".cache/jiajia", hex.EncodeToString(sum[:]), "my app")
			expect := func(what, want string) {
				t.Helper()
				stdout, stderr, err := v.run(t, path, visitor)
				if stdout != want || stderr != "" || err != nil {
					t.Errorf("%s: %q, want %q; standard error %q, %v", what, stdout, want, stderr, err)
				}
			}
			running := func(at, in string) string { return fmt.Sprintf("agent 1 at %s in %s\n", at, in) }
			asked := "\n" + markSend + "\n"

			expect("nothing there", asked+running(copied, v.dir))
			expect("the second time", running(copied, v.dir))
			if info, err := os.Stat(copied); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("%v, %v", info, err)
			}
			if err := os.WriteFile(copied, []byte("damaged"), 0o700); err != nil {
				t.Fatal(err)
			}
			expect("a damaged copy", asked+running(copied, v.dir))
			if err := os.WriteFile(v.path, []byte("another version"), 0o755); err != nil {
				t.Fatal(err)
			}
			expect("another version at the path", running(copied, v.dir))
			if err := os.WriteFile(v.path, []byte(visitor), 0o755); err != nil {
				t.Fatal(err)
			}
			expect("the program at the path", running(v.path, v.dir))
			if err := os.Remove(v.dir); err != nil {
				t.Fatal(err)
			}
			expect("no working directory", running(v.path, here))
		})
	}
}

func TestOldCopiesGo(t *testing.T) {
	home := t.TempDir()
	cache := filepath.Join(home, ".cache/jiajia")
	v := visit{home: home, path: "/nonexistent/app", dir: "/"}
	old := time.Now().Add(-time.Hour)
	for i := range 8 {
		name := filepath.Join(cache, strings.Repeat(fmt.Sprint(i), 64))
		if err := os.MkdirAll(name, 0o700); err != nil {
			t.Fatal(err)
		}
		at := old.Add(time.Duration(i) * time.Minute)
		if err := os.Chtimes(name, at, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(cache, "dead-beef"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, stderr, err := v.run(t, "sh", visitor); err != nil || stderr != "" {
		t.Fatal(stderr, err)
	}
	entries, err := os.ReadDir(cache)
	if err != nil {
		t.Fatal(err)
	}
	var left string
	for _, e := range entries {
		left += e.Name()[:4] + " "
	}
	sum := sha256.Sum256([]byte(visitor))
	want := map[string]bool{"dead": true, hex.EncodeToString(sum[:2]): true, "4444": true, "5555": true, "6666": true, "7777": true}
	if len(entries) != len(want) {
		t.Errorf("left are %s", left)
	}
	for _, e := range entries {
		if !want[e.Name()[:4]] {
			t.Errorf("%s is still there", e.Name())
		}
	}
}

func TestScriptSaysWhatIsWrong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, home := range map[string]string{"Not a directory": file, "is not set": ""} {
		_, stderr, err := visit{home: home, path: "/nonexistent/app", dir: "/"}.run(t, "sh", visitor)
		if err == nil || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q, %v", stderr, err)
		}
	}
}

func TestScriptIsOneLineThatAnyShellReads(t *testing.T) {
	if line := scriptLine(); strings.Count(line, "\n") != 1 || strings.ContainsAny(loginCommand, "!\\\n`") {
		t.Errorf("%q, %q", line, loginCommand)
	}
}
