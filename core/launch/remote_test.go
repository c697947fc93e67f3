package launch

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// fakeSSH runs the command of an ssh here, with the few variables that a login has. The machines' names are addresses of no
// network, and some of them have a story of their own.
const fakeSSH = `#!/bin/sh
while [ "$1" != -- ]; do
	[ "$1" != -l ] || user=$2
	shift
done
name=$2 command=$3 at=127.0.0.1 version= shell=sh silence=
case $name in
240.0.9.1) echo "Warning: a warning" >&2; echo "ssh: connect to host node3 port 22: Connection refused" >&2; exit 255 ;;
240.0.9.2) version=2.9 ;;
240.0.9.3) at=UNKNOWN ;;
240.0.9.4) echo "Welcome to node 4."; printf "no newline"; [ "$user" = fei ] || exit 9 ;;
240.0.9.5) sleep 1000 & echo $! >"$FAKE_DIR/sleeper"; wait; exit ;;
240.0.9.6) yes ;;
240.0.9.7) shell=bash ;;
240.0.9.8) silence=300ms ;;
esac
exec env -i PATH="$PATH" HOME="$FAKE_DIR/$name" SSH_CONNECTION="127.0.0.1 1 $at 22" LAUNCH_TEST_VERSION="$version" LAUNCH_TEST_SILENCE="$silence" "$shell" -c "$command"
`

// remoteCommand prepares a program with hosts at the given places: "" is this machine, anything else goes to fakeSSH, with the user
// before an @.
func remoteCommand(t *testing.T, change func(*Options), places []string, program string, args ...string) *exec.Cmd {
	t.Helper()
	dir := t.TempDir()
	ssh := filepath.Join(dir, "ssh")
	if err := os.WriteFile(ssh, []byte(fakeSSH), 0o755); err != nil {
		t.Fatal(err)
	}
	options := Options{SSH: []string{ssh}, Export: []string{envProgram, envExchange, "GORACE"}}
	for _, place := range places {
		user, name, found := strings.Cut(place, "@")
		if !found {
			user, name = "", place
		}
		if name == "" {
			name = "localhost"
		}
		options.Machines = append(options.Machines, Machine{Name: name, User: user, Hosts: 1})
	}
	if change != nil {
		change(&options)
	}
	text, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	cmd := command(t, 1, program, args...)
	cmd.Env = append(cmd.Env, envOptions+"="+string(text), "FAKE_DIR="+dir)
	return cmd
}

var threeMachines = []string{"", "240.0.0.1", "240.0.0.2"}

func TestMachinesShareAJob(t *testing.T) {
	places := []string{"", "240.0.0.1", "fei@240.0.9.4", "240.0.0.1", "", "240.0.9.7"}
	cmd := remoteCommand(t, func(o *Options) { o.Env = []string{"JIA_FAULT=mprotect"} }, places, "describe", "two words", "-x")
	cmd.Env = append(cmd.Env, "NOT_EXPORTED=1")
	got := run(t, cmd)
	if !got.state.Success() || got.stderr != "" {
		t.Fatal(got.state, got.stderr)
	}
	seen := make(map[int]description)
	for _, line := range strings.Split(strings.TrimSpace(got.stdout), "\n") {
		var d description
		if err := json.Unmarshal([]byte(line), &d); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		seen[d.Rank] = d
	}
	first := seen[0]
	for rank, d := range seen {
		if !slices.Equal(d.Args, cmd.Args) || !slices.Equal(d.Secret, first.Secret) || d.Dir != first.Dir || d.Listen != "127.0.0.1" {
			t.Errorf("host %d: %+v", rank, d)
		}
		if want := []int{2, 2, 1, 2, 2, 1}[rank]; d.Local != want {
			t.Errorf("host %d: %d hosts on its machine, want %d", rank, d.Local, want)
		}
		if remote := places[rank] != ""; remote == slices.Contains(d.Env, "NOT_EXPORTED=1") ||
			slices.Contains(d.Env, "JIA_FAULT=mprotect") != (rank > 0) ||
			slices.ContainsFunc(d.Env, func(e string) bool { return strings.HasPrefix(e, EnvAgent) || strings.HasPrefix(e, envControl) }) {
			t.Errorf("host %d: environment %q", rank, d.Env)
		}
	}
	if len(seen) != len(places) {
		t.Errorf("%d hosts of %d", len(seen), len(places))
	}
}

func TestStatusAndOutputOfOtherMachines(t *testing.T) {
	got := run(t, remoteCommand(t, nil, threeMachines, "status"))
	if got.state.ExitCode() != 7 || got.stderr != "" {
		t.Errorf("%v, standard error %q", got.state, got.stderr)
	}
	got = run(t, remoteCommand(t, nil, threeMachines, "flood"))
	for host := range threeMachines {
		line := strings.Repeat(strconv.Itoa(host), floodWidth) + "\n"
		if n := strings.Count(got.stdout, line); n != floodLines {
			t.Errorf("host %d: %d lines of %d", host, n, floodLines)
		}
	}
	if got.stderr != "" || len(got.stdout) != len(threeMachines)*floodLines*(floodWidth+1) {
		t.Errorf("%d bytes; %v, %q", len(got.stdout), got.state, got.stderr)
	}
}

func TestTaggedLines(t *testing.T) {
	cmd := remoteCommand(t, func(o *Options) { o.TagOutput = true }, []string{"", "240.0.0.1", ""}, "hammer", "7")
	got := run(t, cmd)
	if !got.state.Success() {
		t.Fatal(got.state, got.stderr)
	}
	for stream, text := range []string{got.stdout, got.stderr} {
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		for _, line := range lines {
			var tag, host, s int
			if _, err := fmt.Sscanf(line, "[%d] host %d stream %d line ", &tag, &host, &s); err != nil || tag != host || s != stream+1 ||
				!strings.HasSuffix(line, "|") {
				t.Fatalf("line %q", line)
			}
		}
		if len(lines) != 3*hammerLines {
			t.Errorf("%d lines", len(lines))
		}
	}
}

func TestMachineThatCannotTakePart(t *testing.T) {
	tests := []struct {
		name   string
		places []string
		change func(*Options)
		want   []string // in the one line
	}{
		{"refused", []string{"", "240.0.0.1", "240.0.9.1", "240.0.9.1"}, nil,
			[]string{"jia: cannot start hosts 2 and 3 on 240.0.9.1: ssh: connect to host node3 port 22: Connection refused: "}},
		{"another version", []string{"", "240.0.0.1", "240.0.9.2"}, nil,
			[]string{"jia: host 2 on 240.0.9.2: ", "version 2.9", "host 0 has " + libraryVersion}},
		{"no address", []string{"", "240.0.9.3"}, nil, []string{"240.0.9.3", "JIA_NETWORK"}},
		{"login fails late", []string{"", "240.0.9.4"}, nil, []string{"jia: cannot start host 1 on 240.0.9.4: ssh ended with status 9"}},
		{"endless junk", []string{"", "240.0.9.6"}, nil, []string{"host 1 on 240.0.9.6", "nonsense"}},
		{"no ssh", []string{"", "240.0.0.1"}, func(o *Options) { o.SSH = []string{"no-such-ssh"} },
			[]string{"cannot reach 240.0.0.1", "no-such-ssh", "install ssh"}},
		{"the first is elsewhere", []string{"240.0.0.1", ""}, nil, []string{"host 0 is to run on 240.0.0.1, but this is "}},
		{"an odd name", []string{"", "a b"}, nil, []string{`"a b" with user "" is no machine`}},
		{"too many", []string{"", "240.0.0.1"}, func(o *Options) { o.Machines[1].Hosts = 5000 }, []string{"5000 hosts on 240.0.0.1"}},
		{"no such network", []string{"", "240.0.0.1"}, func(o *Options) { o.Network = "240.1.0.0/16" },
			[]string{"no address on network", "JIA_NETWORK"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cmd := remoteCommand(t, test.change, test.places, "status")
			since := time.Now()
			got := run(t, cmd)
			if got.state.ExitCode() != 1 || strings.Count(got.stderr, "\n") != 1 || got.stdout != "" {
				t.Errorf("%v, %q, %q", got.state, got.stdout, got.stderr)
			}
			for _, want := range test.want {
				if !strings.Contains(got.stderr, want) {
					t.Errorf("%q lacks %q", got.stderr, want)
				}
			}
			if took := time.Since(since); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestMachineThatSaysNothing(t *testing.T) {
	t.Parallel()
	cmd := remoteCommand(t, nil, []string{"", "240.0.9.5"}, "status")
	cmd.Env = append(cmd.Env, envWelcome+"=400ms")
	got := run(t, cmd)
	const want = "jia: cannot start host 1 on 240.0.9.5: nothing came back for 400ms: see what keeps `ssh -o BatchMode=yes 240.0.9.5 true`\n"
	if got.state.ExitCode() != 1 || got.stderr != want {
		t.Errorf("%v, %q", got.state, got.stderr)
	}
	if sleeper := sleeperOf(t, cmd); sleeper > 0 {
		_ = unix.Kill(sleeper, unix.SIGKILL)
	}
}

func TestAgentThatHearsNothingEndsItsHosts(t *testing.T) {
	t.Parallel()
	got := run(t, remoteCommand(t, nil, []string{"", "240.0.9.8"}, "wait"))
	// Before the hosts exist or after, depending on the load.
	const want = " on 240.0.9.8"
	if !strings.Contains(got.stderr, want) || !strings.Contains(got.stderr, "ssh ended with status 1: ") || strings.Count(got.stderr, "\n") != 1 {
		t.Errorf("%v, %q", got.state, got.stderr)
	}
}

// sleeperOf returns the process that the silent fake has left behind, 0 before it has.
func sleeperOf(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	for _, entry := range cmd.Env {
		if dir, ok := strings.CutPrefix(entry, "FAKE_DIR="); ok {
			text, err := os.ReadFile(filepath.Join(dir, "sleeper"))
			if err == nil && strings.HasSuffix(string(text), "\n") {
				return atoi(strings.TrimSpace(string(text)))
			}
		}
	}
	return 0
}

func TestInterruptWhileAMachineIsSilent(t *testing.T) {
	t.Parallel()
	cmd := remoteCommand(t, nil, []string{"", "240.0.9.5"}, "status")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	sleeper := 0
	for ; sleeper == 0; sleeper = sleeperOf(t, cmd) {
		time.Sleep(time.Millisecond)
	}
	defer func() { _ = unix.Kill(sleeper, unix.SIGKILL) }() // not ours: the fake's own
	if err := unix.Kill(-cmd.Process.Pid, unix.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	ssh := parentOf(sleeper)
	for since := time.Now(); ssh > 1 && strings.Contains(commandOf(ssh), "240.0.9.5"); ssh = parentOf(sleeper) {
		if time.Since(since) > 2*time.Second {
			t.Fatalf("ssh (pid %d) is left", ssh)
		}
		time.Sleep(time.Millisecond)
	}
}

func parentOf(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	return atoi(strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))[1])
}

func commandOf(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return ""
	}
	return string(text)
}

func TestDeathOfAHostElsewhereEndsTheJob(t *testing.T) {
	places := []string{"", "240.0.0.1", "240.0.0.2"}
	tests := []struct {
		how     string
		victims []int
		cause   string
	}{
		{"killed", []int{0, 1, 2}, "jia: host %d%s was killed by signal 9 (SIGKILL), "},
		{"exit", []int{2}, "jia: host %d%s exited with status 4 before jia_exit, "},
		{"fail", []int{0, 1}, "jia: host %[1]d: out of cheese, buy some\n"},
		{"exec", []int{1}, "jia: host %d%s has closed the library's descriptors"},
		{"agent", []int{2}, "jia: the connection with host %[1]d on 240.0.0.2 is lost, which ends the job: ssh was killed by signal 9"},
		{"supervisor", []int{1}, "jia: host 0: the supervisor of the job "},
	}
	for _, test := range tests {
		for _, victim := range test.victims {
			t.Run(fmt.Sprintf("host %d %s", victim, test.how), func(t *testing.T) {
				t.Parallel()
				s := begin(t, remoteCommand(t, nil, places, "die", test.how, strconv.Itoa(victim)))
				s.pids = append(s.pids, s.parents[1:]...)
				s.end(t)
				if s.cmd.ProcessState.Success() {
					t.Error("exit status 0")
				}
				where := ""
				if places[victim] != "" {
					where = " on " + places[victim]
				}
				want := test.cause
				if strings.Contains(want, "%s") {
					want = fmt.Sprintf(want, victim, fmt.Sprintf("%s (pid %d)", where, s.pids[victim+1]))
				} else if strings.Contains(want, "%") {
					want = fmt.Sprintf(want, victim)
				}
				if got := s.stderr.String(); !strings.HasPrefix(got, want) || strings.Count(got, "\n") != 1 {
					t.Errorf("standard error %q, want one line that begins with %q", got, want)
				}
			})
		}
	}
}

func TestInterruptReachesOtherMachines(t *testing.T) {
	t.Parallel()
	cmd := remoteCommand(t, nil, threeMachines, "wait")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s := begin(t, cmd)
	s.pids = append(s.pids, s.parents[1:]...)
	if err := unix.Kill(-cmd.Process.Pid, unix.SIGINT); err != nil {
		t.Fatal(err)
	}
	s.end(t)
	if got := cmd.ProcessState.Sys().(syscall.WaitStatus); got.Signal() != unix.SIGINT {
		t.Errorf("host 0 ended with %v", cmd.ProcessState)
	}
	if got, want := s.stderr.String(), "jia: interrupted (SIGINT)\n"; got != want {
		t.Errorf("standard error %q, want %q", got, want)
	}
}

func TestSlowReaderBlocksOnlyTheWriters(t *testing.T) {
	t.Parallel()
	cmd := remoteCommand(t, nil, []string{"", "240.0.0.1", "240.0.0.1"}, "chatty")
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	// Nobody reads the standard output, which host 1 fills; host 2 on the same machine can still end the job.
	_ = cmd.Wait()
	// The line may be lost, since the relay may be blocked for good, but the end is not.
	if code := cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("%v, standard error %q", cmd.ProcessState, stderr.String())
	}
}

func TestNobodyReadsWhatAnotherMachineWrites(t *testing.T) {
	t.Parallel()
	cmd := remoteCommand(t, nil, threeMachines, "yes")
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := output.Read(make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	_ = output.Close()
	_ = cmd.Wait()
	if got := cmd.ProcessState.Sys().(syscall.WaitStatus); got.Signal() != unix.SIGPIPE || stderr.Len() > 0 {
		t.Errorf("%v, standard error %q", cmd.ProcessState, stderr.String())
	}
}
