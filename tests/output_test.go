package tests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every host prints in pieces to both streams: lines come out whole, none is lost, and a host's own stay in order.
func TestOutputIsWholeLines(t *testing.T) {
	const hosts, lines = 8, 150
	result := job{program: "chatter", args: []string{fmt.Sprint(lines)}, hosts: hosts}.run(t)
	if result.status != 0 {
		t.Fatal(describe(result.status))
	}
	for fd, text := range map[int]string{1: result.stdout, 2: result.stderr} {
		var next, ended [hosts]int
		for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
			var host, stream, n int
			if _, err := fmt.Sscanf(line, "host %d ends", &host); err == nil && strings.HasSuffix(line, "ends") {
				ended[host]++
				continue
			}
			if _, err := fmt.Sscanf(line, "host %d descriptor %d line %d", &host, &stream, &n); err != nil {
				t.Fatalf("no whole line: %q", line)
			}
			want := fmt.Sprintf("host %d descriptor %d line %d %s.", host, fd, next[host], strings.Repeat("-", n%100))
			if line != want {
				t.Fatalf("got %q, want %q", line, want)
			}
			next[host]++
		}
		for host := range next {
			if next[host] != lines || ended[host] != 2-fd {
				t.Errorf("descriptor %d: host %d printed %d lines, and %d without a newline", fd, host, next[host], ended[host])
			}
		}
	}
}

func TestExitStatusIsHostZeros(t *testing.T) {
	for _, hosts := range []int{0, 1, 2, 4} {
		for _, status := range []int{0, 7, 255} {
			r := job{program: "leave", args: []string{fmt.Sprint(status)}, hosts: hosts}.start(t)
			result := r.wait()
			if result.status.ExitStatus() != status || result.stderr != "" {
				t.Errorf("%v: %s, want %d; stderr: %s", result.job, describe(result.status), status, result.stderr)
			}
			if got := strings.Count(result.stdout, "is done"); got != max(hosts, 1) {
				t.Errorf("%v: %d hosts say that they are done:\n%s", result.job, got, result.stdout)
			}
			r.nothingLeft()
		}
	}
}

func TestWaysToLeave(t *testing.T) {
	for _, way := range []string{"main", "exit", "end", "twice", "late"} {
		for _, hosts := range []int{1, 3} {
			t.Run(fmt.Sprintf("%s/hosts=%d", way, hosts), func(t *testing.T) {
				r := job{program: "leave", args: []string{way}, hosts: hosts}.start(t)
				result := r.wait()
				result.good(t, "is done")
				if got := strings.Count(result.stdout, "is done\n"); got != hosts {
					t.Errorf("%d hosts say that they are done:\n%s", got, result.stdout)
				}
				r.nothingLeft()
			})
		}
	}
}

// Arguments, environment and working directory are those of the started process on every host, even when it has permuted
// and cut up its arguments before jia_init. Standard input is host 0's alone.
func TestSurroundings(t *testing.T) {
	const hosts = 4
	r := job{program: "surroundings", hosts: hosts, stdin: "two\nlines\n", env: []string{"ODD=a \"value\" = 'of'\ttext", "EMPTY="},
		args: []string{"-c", "x,y", "first", "-a", "value of a", "", "späť", "--", "-z", "*"}}.start(t)
	result := r.wait()
	result.good(t, "")
	told := make([][]string, hosts)
	stray := regexp.MustCompile(`^(lines|>)$`) // of host 0's input
	for _, line := range strings.Split(strings.TrimSpace(result.stdout), "\n") {
		var host int
		if _, err := fmt.Sscanf(line, "host %d: ", &host); err != nil {
			if !stray.MatchString(line) {
				t.Errorf("a stray line: %q", line)
			}
			continue
		}
		_, text, _ := strings.Cut(line, ": ")
		told[host] = append(told[host], text)
	}
	for host, lines := range told {
		slices.Sort(lines)
		at := slices.IndexFunc(lines, func(s string) bool { return strings.HasPrefix(s, "input ") })
		if at < 0 {
			t.Fatalf("host %d said nothing of its input:\n%s", host, strings.Join(lines, "\n"))
		}
		if want := map[bool]string{true: "input <two", false: "input <>"}[host == 0]; lines[at] != want {
			t.Errorf("host %d: %q, want %q", host, lines[at], want)
		}
		told[host] = slices.Delete(lines, at, at+1)
	}
	for _, want := range []string{"directory " + r.dir, "argument 2 is <x>", "argument 3 is <-a>", "argument 4 is <value of a>",
		"argument 6 is <first>", "argument 7 is <>", "argument 8 is <späť>", "argument 9 is <-z>",
		"1 option(s), the first other argument is 6",
		"environment ODD=a \"value\" = 'of'\ttext", "environment EMPTY="} {
		if !slices.Contains(told[0], want) {
			t.Errorf("host 0 was not told %q", want)
		}
	}
	for host, lines := range told {
		if !slices.Equal(lines, told[0]) {
			t.Errorf("host %d was told\n%s\nhost 0\n%s", host, strings.Join(lines, "\n"), strings.Join(told[0], "\n"))
		}
	}
}

// Nothing beyond the header, the archive and -ljia is needed, whatever the standard.
func TestLinkLine(t *testing.T) {
	dir := publicDir(t)
	for _, standard := range []string{"gnu89", "c99", "c11", "gnu17"} {
		out := filepath.Join(dir, "hello-"+standard)
		if err := command(compiler(), "programs/locks.c", "-std="+standard, "-I../include", "-L"+built, "-ljia", "-o", out); err != nil {
			t.Error(err)
			continue
		}
		run := exec.Command(out, "10")
		run.Env = append(withoutJia(os.Environ()), "JIA_NPROC=2")
		if text, err := run.CombinedOutput(); err != nil || string(text) != "locks: 10: ok\n" {
			t.Errorf("%s: %v: %s", standard, err, text)
		}
	}
}
