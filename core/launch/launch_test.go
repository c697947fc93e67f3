package launch

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// command prepares the launch of a program of this test binary on size hosts, as a shell would start it.
func command(t *testing.T, size int, program string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, append([]string{"-test.run=^$", "--"}, args...)...)
	cmd.Env = append(os.Environ(), envProgram+"="+program, "JIA_NPROC="+strconv.Itoa(size),
		"GORACE=atexit_sleep_ms=0") // the race detector's pause at the end of a process would be most of the time
	return cmd
}

// A result is how a job ended. Reading the output to its end has waited for the supervisor.
type result struct {
	stdout, stderr string
	state          *os.ProcessState
}

func run(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	guard := time.AfterFunc(15*time.Second, func() { _ = cmd.Process.Kill() })
	defer guard.Stop()
	_ = cmd.Wait() // the status is looked at by the caller
	return result{stdout.String(), stderr.String(), cmd.ProcessState}
}

func TestStatusIsThatOfHost0(t *testing.T) {
	for _, size := range []int{2, 5} {
		got := run(t, command(t, size, "status"))
		if got.state.ExitCode() != 7 || got.stderr != "" {
			t.Errorf("%d hosts: %v, standard error %q", size, got.state, got.stderr)
		}
	}
}

func TestLinesStayWhole(t *testing.T) {
	const hosts = 8
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	for _, together := range []bool{false, true} {
		t.Run(fmt.Sprintf("one file for both streams %v", together), func(t *testing.T) {
			cmd := command(t, hosts, "hammer", strconv.FormatInt(seed, 10))
			var got result
			if together {
				output, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatal(err)
				}
				got.stdout = string(output)
			} else if got = run(t, cmd); !got.state.Success() {
				t.Fatal(got.state)
			}
			next := make(map[[2]int]int)
			for i, text := range []string{got.stdout, got.stderr} {
				for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
					if text == "" {
						continue
					}
					var host, stream, number int
					if _, err := fmt.Sscanf(line, "host %d stream %d line %d ", &host, &stream, &number); err != nil ||
						!strings.HasSuffix(line, "|") || strings.Count(line, "h") != 1 {
						t.Fatalf("broken line %q", line)
					}
					if !together && stream != i+1 {
						t.Fatalf("%q in stream %d", line, i+1)
					}
					if key := [2]int{host, stream}; next[key] != number {
						t.Fatalf("%q where line %d is due", line, next[key])
					}
					next[[2]int{host, stream}]++
				}
			}
			for host := 0; host < hosts; host++ {
				for stream := 1; stream <= 2; stream++ {
					if n := next[[2]int{host, stream}]; n != hammerLines {
						t.Errorf("host %d, stream %d: %d lines", host, stream, n)
					}
				}
			}
		})
	}
}

func TestAllOutputArrives(t *testing.T) {
	got := run(t, command(t, 4, "flood"))
	if !got.state.Success() {
		t.Fatal(got.state, got.stderr)
	}
	for host := 0; host < 4; host++ {
		line := strings.Repeat(strconv.Itoa(host), floodWidth) + "\n"
		if n := strings.Count(got.stdout, line); n != floodLines {
			t.Errorf("host %d: %d lines of %d", host, n, floodLines)
		}
	}
	if want := 4 * floodLines * (floodWidth + 1); len(got.stdout) != want {
		t.Errorf("%d bytes, want %d", len(got.stdout), want)
	}
}

func TestHostsFindTheSameSurroundings(t *testing.T) {
	cmd := command(t, 3, "describe", "", "two words", "-x", "ünï", "")
	cmd.Dir = t.TempDir()
	cmd.Env = append(cmd.Env, "MULTI=a\nb=c", "EMPTY=")
	got := run(t, cmd)
	if !got.state.Success() {
		t.Fatal(got.state, got.stderr)
	}
	seen := make([]*description, 3)
	for _, line := range strings.Split(strings.TrimSpace(got.stdout), "\n") {
		var d description
		if err := json.Unmarshal([]byte(line), &d); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		seen[d.Rank] = &d
		slices.Sort(d.Env)
	}
	for rank, d := range seen {
		if d == nil {
			t.Fatalf("nothing from host %d", rank)
		}
		d.Rank = 0
		if diff := cmp.Diff(seen[0], d); diff != "" {
			t.Errorf("host %d differs from host 0:\n%s", rank, diff)
		}
	}
	if want := cmd.Args; !slices.Equal(seen[0].Args, want) {
		t.Errorf("arguments %q, want %q", seen[0].Args, want)
	}
	dir, err := filepath.EvalSymlinks(cmd.Dir)
	if err != nil || seen[0].Dir != dir {
		t.Errorf("directory %q, want %q (%v)", seen[0].Dir, dir, err)
	}
	if len(seen[0].Secret) != secretSize || seen[0].Terminal {
		t.Errorf("secret of %d bytes, terminal %v", len(seen[0].Secret), seen[0].Terminal)
	}
}

func TestStandardInputGoesToHost0(t *testing.T) {
	cmd := command(t, 3, "copy")
	cmd.Stdin = strings.NewReader("some\ninput")
	got := run(t, cmd)
	for _, want := range []string{`host 0: "some\ninput" <nil>`, `host 1: "" <nil>`, `host 2: "" <nil>`} {
		if !strings.Contains(got.stdout, want+"\n") {
			t.Errorf("no %s in %q", want, got.stdout)
		}
	}
}

func TestPromptIsPassedOn(t *testing.T) {
	cmd := command(t, 2, "prompt")
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	prompt := make([]byte, len("name? "))
	if _, err := io.ReadFull(output, prompt); err != nil || string(prompt) != "name? " {
		t.Fatalf("%q, %v", prompt, err)
	}
	if _, err := io.WriteString(input, "Fei\n"); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(output)
	if err != nil || string(rest) != "hello Fei <nil>\n" {
		t.Errorf("%q, %v", rest, err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestMissingHostIsNamed(t *testing.T) {
	cmd := command(t, 4, "mute")
	cmd.Env = append(cmd.Env, envExchange+"=1s")
	got := run(t, cmd)
	if got.state.ExitCode() != 1 || strings.Count(got.stderr, "\n") != 1 ||
		!strings.Contains(got.stderr, "exchange addresses: host 2 did not call jia_init") {
		t.Errorf("%v, %q", got.state, got.stderr)
	}
}

func TestGather(t *testing.T) {
	for _, cmd := range []*exec.Cmd{command(t, 4, "gather"), remoteCommand(t, nil, threeMachines, "gather")} {
		if got := run(t, cmd); !got.state.Success() || got.stderr != "" {
			t.Errorf("%v, %q", got.state, got.stderr)
		}
	}
	cmd := command(t, 3, "mumble")
	cmd.Env = append(cmd.Env, envExchange+"=1s")
	got := run(t, cmd)
	if got.state.ExitCode() != 1 || strings.Count(got.stderr, "\n") != 1 || !strings.Contains(got.stderr, "gather texts: host 1 sent none within 1s") {
		t.Errorf("%v, %q", got.state, got.stderr)
	}
}

func TestDeathAfterLeavingStillCounts(t *testing.T) {
	got := run(t, command(t, 3, "late"))
	if got.state.Success() || !strings.Contains(got.stderr, "host 1 (pid ") || strings.Count(got.stderr, "\n") != 1 {
		t.Errorf("%v, %q", got.state, got.stderr)
	}
}

func TestDeathComesBeforeItsEchoes(t *testing.T) {
	got := run(t, command(t, 4, "report"))
	if got.state.Success() || strings.Count(got.stderr, "\n") != 1 ||
		!strings.Contains(got.stderr, "was killed by signal 9 (SIGKILL)") {
		t.Errorf("%v, %q", got.state, got.stderr)
	}
}

func TestProcessLeftBehindDoesNotHoldTheJob(t *testing.T) {
	cmd := command(t, 2, "child")
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var child int
	if _, err := fmt.Fscanf(output, "child %d\n", &child); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Kill(child, unix.SIGKILL) }()
	if _, err := io.ReadAll(output); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// A story is a job that fails, as seen from outside.
type story struct {
	stdout *bufio.Reader
	stderr bytes.Buffer
	cmd    *exec.Cmd
	seen   []string // lines of standard output so far
	pids   []int    // supervisor, host 0, 1, ...
	// parents are those of host 0, 1, ... while all of them lived.
	parents []int
}

// begin starts a program that announces itself, waits until it has, and has it go on.
func begin(t *testing.T, cmd *exec.Cmd) *story {
	t.Helper()
	s := &story{cmd: cmd}
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.stdout = bufio.NewReader(pipe)
	cmd.Stderr = &s.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, pid := range s.pids {
			if t.Failed() && processState(pid) != "" {
				_ = unix.Kill(pid, unix.SIGKILL)
			}
		}
	})
	line := s.await(t, "pids ")
	for _, field := range strings.Fields(line)[1:] {
		pid, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		s.pids = append(s.pids, pid)
	}
	for _, pid := range s.pids[1:] {
		s.parents = append(s.parents, parentOf(pid))
	}
	for _, pid := range s.pids[1:] {
		if err := unix.Kill(pid, signalRead); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// await returns the first line that begins with prefix, and reads as far as it must.
func (s *story) await(t *testing.T, prefix string) string {
	t.Helper()
	for _, line := range s.seen {
		if strings.HasPrefix(line, prefix) {
			return line
		}
	}
	line, err := s.stdout.ReadString('\n')
	if err != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		t.Fatalf("no %q after %q: %v; standard error %q", prefix, s.seen, err, s.stderr.String())
	}
	s.seen = append(s.seen, line)
	return s.await(t, prefix)
}

// end checks that all is over within two seconds of now.
func (s *story) end(t *testing.T) {
	t.Helper()
	const limit = 2 * time.Second
	since := time.Now()
	if _, err := io.ReadAll(s.stdout); err != nil {
		t.Error(err)
	}
	_ = s.cmd.Wait() // the caller looks at the status
	for _, pid := range s.pids {
		for state := processState(pid); state != "" && state != "Z"; state = processState(pid) {
			if time.Since(since) > limit {
				t.Errorf("process %d of %d (the supervisor, host 0, ...) is left, in state %s", pid, s.pids, state)
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
	if took := time.Since(since); took > limit {
		t.Errorf("the end took %v", took)
	}
}

func TestDeathOfAnyHostEndsTheJob(t *testing.T) {
	const hosts = 3
	tests := []struct {
		how     string
		victims []int
		cause   string
	}{
		{"killed", []int{0, 1, 2}, "jia: host %d (pid %d) was killed by signal 9 (SIGKILL), "},
		{"segv", []int{0, 1}, "jia: host %d (pid %d) was killed by signal 11 (SIGSEGV"},
		{"term", []int{0, 1}, "jia: host %d (pid %d) was killed by signal 15 (SIGTERM), "},
		{"exit", []int{2}, "jia: host %d (pid %d) exited with status 4 before jia_exit, "},
		{"exit", []int{0}, "jia: host %d: it called exit, or returned from main, before jia_exit, "},
		{"_exit", []int{0, 1}, "jia: host %d (pid %d) exited with status 0 before jia_exit, "},
		{"fail", []int{0, 1, 2}, "jia: host %d: out of cheese, buy some\n"},
		{"exec", []int{0, 1}, "jia: host %d (pid %d) has closed the library's descriptors"},
	}
	for _, test := range tests {
		for _, victim := range test.victims {
			t.Run(fmt.Sprintf("host %d %s", victim, test.how), func(t *testing.T) {
				t.Parallel()
				s := begin(t, command(t, hosts, "die", test.how, strconv.Itoa(victim)))
				if test.how != "exec" && test.how != "_exit" || victim != 0 {
					s.await(t, "now")
				}
				s.end(t)
				// A host 0 that calls _exit(0) has chosen the status itself.
				if s.cmd.ProcessState.Success() && (test.how != "_exit" || victim != 0) {
					t.Error("exit status 0")
				}
				want := fmt.Sprintf(strings.Replace(test.cause, "(pid %d)", "(pid "+strconv.Itoa(s.pids[victim+1])+")", 1), victim)
				if got := s.stderr.String(); !strings.HasPrefix(got, want) || strings.Count(got, "\n") != 1 {
					t.Errorf("standard error %q, want one line that begins with %q", got, want)
				}
			})
		}
	}
}

func TestOldKernelsAndSandboxesWithoutPidfd(t *testing.T) {
	t.Run("all is well", func(t *testing.T) {
		cmd := command(t, 3, "status")
		cmd.Env = append(cmd.Env, envNoPidfd+"=1")
		if got := run(t, cmd); got.state.ExitCode() != 7 || got.stderr != "" {
			t.Errorf("%v, %q", got.state, got.stderr)
		}
	})
	for victim := 0; victim < 2; victim++ {
		t.Run(fmt.Sprintf("host %d is killed", victim), func(t *testing.T) {
			t.Parallel()
			cmd := command(t, 2, "die", "killed", strconv.Itoa(victim)) // the other one is stopped
			cmd.Env = append(cmd.Env, envNoPidfd+"=1")
			s := begin(t, cmd)
			s.await(t, "now")
			s.end(t)
			want := fmt.Sprintf("jia: host %d (pid %d) ", victim, s.pids[victim+1])
			if got := s.stderr.String(); !strings.HasPrefix(got, want) || strings.Count(got, "\n") != 1 {
				t.Errorf("standard error %q, want %q", got, want)
			}
		})
	}
}

func TestDeathOfTheSupervisorEndsTheJob(t *testing.T) {
	for _, test := range []struct{ how, victim string }{
		{"supervisor", "1"},
		{"supervisor, and what follows", "0"}, // such as the end of hosts on other machines
	} {
		t.Run(test.how, func(t *testing.T) {
			t.Parallel()
			s := begin(t, command(t, 3, "die", test.how, test.victim))
			s.end(t)
			if s.cmd.ProcessState.Success() {
				t.Error("exit status 0")
			}
			want := fmt.Sprintf("jia: host 0: the supervisor of the job (pid %d) is gone", s.pids[0])
			if got := s.stderr.String(); !strings.HasPrefix(got, want) || strings.Count(got, "\n") != 1 {
				t.Errorf("standard error %q, want %q", got, want)
			}
		})
	}
}

func TestInterruptIsNoFailureOfAHost(t *testing.T) {
	for _, number := range []unix.Signal{unix.SIGINT, unix.SIGTERM} {
		t.Run(unix.SignalName(number), func(t *testing.T) {
			t.Parallel()
			cmd := command(t, 4, "wait")
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			s := begin(t, cmd)
			if err := unix.Kill(-cmd.Process.Pid, number); err != nil {
				t.Fatal(err)
			}
			s.end(t)
			if got := cmd.ProcessState.Sys().(syscall.WaitStatus); got.Signal() != number {
				t.Errorf("host 0 ended with %v", cmd.ProcessState)
			}
			if got, want := s.stderr.String(), "jia: interrupted ("+unix.SignalName(number)+")\n"; got != want {
				t.Errorf("standard error %q, want %q", got, want)
			}
		})
	}
}

func TestNobodyReadsTheOutput(t *testing.T) {
	t.Parallel()
	cmd := command(t, 3, "yes")
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(output, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	since := time.Now()
	_ = output.Close()
	_ = cmd.Wait()
	if got := cmd.ProcessState.Sys().(syscall.WaitStatus); got.Signal() != unix.SIGPIPE || stderr.Len() > 0 {
		t.Errorf("%v, standard error %q", cmd.ProcessState, stderr.String())
	}
	if took := time.Since(since); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestFullDeviceIsReported(t *testing.T) {
	for _, program := range []string{"yes", "describe"} {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Skip("no /dev/full: ", err)
		}
		defer full.Close()
		cmd := command(t, 2, program)
		var stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = full, &stderr
		_ = cmd.Run()
		const want = "jia: write the job's standard output: no space left on device, which ends the job\n"
		if cmd.ProcessState.Success() || stderr.String() != want {
			t.Errorf("%s: %v, %q", program, cmd.ProcessState, stderr.String())
		}
	}
}
