package join

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A pmiServer serves some clients as a launcher does. answer may replace a line of its own.
type pmiServer struct {
	mu      sync.Mutex
	table   map[string]string
	waiting []*os.File // in the barrier
	size    int
	change  func(request, answer string) string
	asked   []string
}

// serve returns the client's end of a connection.
func (s *pmiServer) serve(t *testing.T) int {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	conn := os.NewFile(uintptr(pair[1]), "server")
	go func() {
		defer conn.Close()
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			s.request(conn, lines.Text())
		}
	}()
	return pair[0]
}

func (s *pmiServer) request(conn *os.File, line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, line)
	words, err := parsePMI(line)
	if err != nil {
		fmt.Fprintln(conn, "cmd=error rc=-1")
		return
	}
	answer := ""
	switch words["cmd"] {
	case "init":
		answer = "cmd=response_to_init pmi_version=1 pmi_subversion=1 rc=0"
	case "get_maxes":
		answer = "cmd=maxes kvsname_max=256 keylen_max=64 vallen_max=1024"
	case "get_my_kvsname":
		answer = "cmd=my_kvsname kvsname=kvs_1"
	case "put":
		s.table[words["key"]] = words["value"]
		answer = "cmd=put_result rc=0 msg=success"
	case "get":
		answer = "cmd=get_result rc=0 msg=success value=" + s.table[words["key"]]
	case "finalize":
		answer = "cmd=finalize_ack"
	case "barrier_in":
		if s.waiting = append(s.waiting, conn); len(s.waiting) == s.size {
			for _, c := range s.waiting {
				fmt.Fprintln(c, "cmd=barrier_out")
			}
		}
		return
	}
	if s.change != nil {
		answer = s.change(words["cmd"], answer)
	}
	if answer != "" {
		fmt.Fprintln(conn, answer)
	}
}

func TestPMI(t *testing.T) {
	s := &pmiServer{table: map[string]string{}, size: 3}
	var group sync.WaitGroup
	for rank := range s.size {
		fd := s.serve(t)
		group.Add(1)
		go func() {
			defer group.Done()
			text := ""
			if rank == 0 {
				text = "jia1;secret;10.0.0.1:1"
			}
			if got, err := (&pmiClient{fd: fd, patience: time.Minute}).share(rank, text); err != nil || got != "jia1;secret;10.0.0.1:1" {
				t.Errorf("rank %d: %q, %v", rank, got, err)
			}
		}()
	}
	group.Wait()
}

func TestPMIFailures(t *testing.T) {
	for _, test := range []struct {
		name   string
		text   string
		change func(request, answer string) string
		want   string
	}{
		{"a server that refuses", "x", func(r, a string) string {
			if r == "put" {
				return "cmd=put_result rc=-1 msg=full"
			}
			return a
		}, "put: refused (rc=-1 full)"},
		{"a server of another protocol", "x", func(string, string) string { return "220 mail ready" }, "init: the word"},
		{"a server that is out of step", "x", func(string, string) string { return "cmd=maxes" }, `answered by "maxes"`},
		{"a silent server", "x", func(string, string) string { return "" }, "no answer for 200ms"},
		{"a server without room", strings.Repeat("x", 2000), func(_, a string) string { return a }, "2000 are needed"},
		{"a line without an end", "x", func(string, string) string { return strings.Repeat("x", maxPMILine*2) }, "a line of more than"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &pmiServer{table: map[string]string{}, size: 1, change: test.change}
			fd := s.serve(t)
			c := &pmiClient{fd: fd, patience: 200 * time.Millisecond}
			_, err := c.share(0, test.text)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			c.abort()
			_ = unix.Close(fd)
		})
	}
}

func FuzzPMI(f *testing.F) {
	f.Add("cmd=get_result rc=0 msg=success value=a;b=c")
	f.Fuzz(func(t *testing.T, line string) {
		if words, err := parsePMI(line); err == nil && words["cmd"] == "" {
			t.Errorf("%q has no cmd", line)
		}
	})
}
