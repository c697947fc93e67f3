package tests

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What a person does at a terminal: Ctrl-Z, fg, Ctrl-C, Ctrl-\, and to hang up.

// openTerminal returns the two ends of a pseudo-terminal.
func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	master = os.NewFile(uintptr(fd), "terminal")
	t.Cleanup(func() { _ = master.Close() })
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return master, slave
}

// A session is a shell with job control at a terminal, and what runs there.
type session struct {
	t        *testing.T
	cmd      *exec.Cmd
	tag, dir string
	terminal *os.File
	mu       sync.Mutex
	screen   bytes.Buffer
	closed   chan struct{} // the terminal has nothing more to say
}

// startSession runs a script, in which "$@" is a job of endure.c.
func startSession(t *testing.T, hosts int, script string, env ...string) *session {
	t.Helper()
	master, slave := openTerminal(t)
	s := &session{t: t, tag: newTag(), dir: publicDir(t), terminal: master, closed: make(chan struct{})}
	s.cmd = exec.Command("/bin/sh", "-c", "set -m; "+script, "sh", filepath.Join(built, "endure"))
	s.cmd.Dir = s.dir
	s.cmd.Env = append(withoutJia(os.Environ()), "PWD="+s.dir, "TMPDIR="+s.dir, tagVariable+"="+s.tag, fmt.Sprintf("JIA_NPROC=%d", hosts))
	s.cmd.Env = append(s.cmd.Env, env...)
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = slave, slave, slave
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	err := s.cmd.Start()
	_ = slave.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, pid := range processes(s.tag) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		_ = s.cmd.Wait()
	})
	go func() {
		defer close(s.closed)
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf) // an error when nobody has the terminal open any more
			s.mu.Lock()
			s.screen.Write(buf[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return s
}

func (s *session) shown() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.ReplaceAll(s.screen.String(), "\r\n", "\n")
}

// await waits for a text on the screen.
func (s *session) await(text string) {
	s.t.Helper()
	for until := time.Now().Add(time.Minute); !strings.Contains(s.shown(), text); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(until) {
			s.t.Fatalf("no %q\n%s\n%s", text, s.shown(), dumpProcesses(processes(s.tag)))
		}
	}
}

// key presses Ctrl and a letter.
func (s *session) key(letter byte) {
	s.t.Helper()
	if _, err := s.terminal.Write([]byte{letter & 0x1f}); err != nil {
		s.t.Fatal(err)
	}
}

// gone waits until nothing is left of the session.
func (s *session) gone() {
	s.t.Helper()
	for until := time.Now().Add(time.Minute); len(processes(s.tag)) > 0; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(until) {
			s.t.Fatalf("processes are left\n%s\n%s", s.shown(), dumpProcesses(processes(s.tag)))
		}
	}
}

func (s *session) ends() {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, "stop"), nil, 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// kept are the ways in which a job is started: by itself, with a keeper, and of one host.
var kept = []struct {
	name  string
	hosts int
	env   []string
}{{"plain", 3, nil}, {"kept", 3, []string{restart}}, {"kept/one host", 1, []string{restart}}}

// Ctrl-Z stops a job for longer than peer_timeout, the shell notices, and fg has it go on where it was.
func TestStoppedAtATerminal(t *testing.T) {
	for _, way := range kept {
		t.Run(way.name, func(t *testing.T) {
			s := startSession(t, way.hosts, `"$@"; echo stopped $?; sleep 1; fg; echo ended $?`, append(way.env, "JIA_PEER_TIMEOUT=500")...)
			s.await("endure: running")
			s.key('z')
			s.await("stopped 148\n") // 128 and SIGTSTP
			s.ends()
			s.await("ended 0\n")
			s.gone()
			if !strings.Contains(s.shown(), "endure: ok") || strings.Contains(s.shown(), "jia:") {
				t.Errorf("%s", s.shown())
			}
		})
	}
}

// Ctrl-C and Ctrl-\ end it, as they end any program, and so does a hang-up; none is a loss.
func TestEndedAtATerminal(t *testing.T) {
	for _, way := range kept {
		for _, key := range []struct {
			letter byte
			status string
		}{{'c', "ended 130\n"}, {'\\', "ended 131\n"}} {
			t.Run(fmt.Sprintf("%s/%c", way.name, key.letter), func(t *testing.T) {
				s := startSession(t, way.hosts, `ulimit -c 0; trap : INT QUIT; "$@"; echo ended $?`, way.env...)
				s.await("endure: running")
				s.key(key.letter)
				s.await(key.status)
				s.gone()
				if strings.Contains(s.shown(), "restart") || strings.Count(s.shown(), "jia: ") > 1 {
					t.Errorf("%s", s.shown())
				}
			})
		}
		t.Run(way.name+"/hang-up", func(t *testing.T) {
			s := startSession(t, way.hosts, `"$@"`, way.env...)
			s.await("endure: running")
			if err := s.terminal.Close(); err != nil {
				t.Fatal(err)
			}
			s.gone()
		})
	}
}
