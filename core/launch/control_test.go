package launch

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func goodMessages() []message {
	secret := bytes.Repeat([]byte{7}, secretSize)
	return []message{
		{Kind: kindStart, Version: protocolVersion, Size: 4, Pid: 1, Pidfd: true, Prompt: true, Plan: &plan{Sites: []site{{Name: "localhost", Ranks: []int{0, 1, 2, 3}}}}},
		{Kind: kindWelcome, Version: protocolVersion, Size: 4, Pid: 9, Rank: 3, Secret: secret, Terminal: true,
			Local: 2, Listen: "::1"},
		{Kind: kindAddress, Address: "127.0.0.1:80"},
		{Kind: kindTable, Addresses: []string{"[::1]:80", "\x01\"<"}},
		{Kind: kindText, Text: "tcp=1 %22"},
		{Kind: kindTexts, Texts: []string{"a", "b"}},
		{Kind: kindMissing, Missing: []int{0, 3}},
		{Kind: kindFail, Line: "out of cheese: buy some"},
		{Kind: kindRefused, Line: "no"},
		{Kind: kindLeaving}, {Kind: kindFinish}, {Kind: kindAbort}, {Kind: kindDrained},
	}
}

func TestMessagesSurviveTheirEncoding(t *testing.T) {
	for _, want := range goodMessages() {
		got, err := decode(bytes.TrimSuffix(want.encode(), []byte("\n")))
		if err != nil {
			t.Errorf("%+v: %v", want, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestTheLongestTableFits(t *testing.T) {
	table := message{Kind: kindTable}
	for range maxHosts {
		table.Addresses = append(table.Addresses, strings.Repeat("x", maxAddress))
	}
	if _, err := decode(bytes.TrimSuffix(table.encode(), []byte("\n"))); err != nil {
		t.Error(err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	tests := []struct{ name, line string }{
		{"nothing", ""},
		{"no JSON", "hello"},
		{"no kind", "{}"},
		{"an unknown kind", `{"kind":"dance"}`},
		{"an unknown field", `{"kind":"abort","why":1}`},
		{"two messages", `{"kind":"abort"}{"kind":"abort"}`},
		{"another version", `{"kind":"start","version":1,"size":2,"pid":1}`},
		{"a start without a plan", `{"kind":"start","version":3,"size":2,"pid":1}`},
		{"a rank twice", `{"kind":"start","version":3,"size":2,"pid":1,"plan":{"sites":[{"name":"a","ranks":[0,0]}]}}`},
		{"nowhere to listen", `{"kind":"welcome","version":3,"size":1,"pid":1,"local":1,"listen":"x","secret":"` + strings.Repeat("A", 42) + `8="}`},
		{"no hosts", `{"kind":"start","version":3,"size":0,"pid":1}`},
		{"too many hosts", `{"kind":"start","version":3,"size":65537,"pid":1}`},
		{"no process", `{"kind":"start","version":3,"size":2,"pid":-1}`},
		{"a rank beyond the size", `{"kind":"welcome","version":3,"size":2,"rank":2,"pid":1}`},
		{"a short secret", `{"kind":"welcome","version":3,"size":2,"pid":1,"local":1,"listen":"::1","secret":"AAAA"}`},
		{"an empty address", `{"kind":"address"}`},
		{"a long address", `{"kind":"address","address":"` + strings.Repeat("a", maxAddress+1) + `"}`},
		{"a table with a gap", `{"kind":"table","addresses":["a",""]}`},
		{"an empty table", `{"kind":"table"}`},
		{"an empty text", `{"kind":"text"}`},
		{"a text that would grow", `{"kind":"text","text":"<"}`},
		{"a long text", `{"kind":"text","text":"` + strings.Repeat("a", MaxGather+1) + `"}`},
		{"texts with a gap", `{"kind":"texts","texts":["a",""]}`},
		{"nobody missing", `{"kind":"missing"}`},
		{"an impossible host missing", `{"kind":"missing","missing":[-1]}`},
		{"a failure without a line", `{"kind":"fail"}`},
		{"a failure of two lines", `{"kind":"fail","line":"a\nb"}`},
		{"a failure that colours the terminal", `{"kind":"fail","line":"\u001b[31m"}`},
		{"a number that overflows", `{"kind":"start","version":99999999999999999999}`},
	}
	for _, test := range tests {
		if m, err := decode([]byte(test.line)); err == nil {
			t.Errorf("%s: taken for %+v", test.name, m)
		}
	}
}

func TestOneLine(t *testing.T) {
	for text, want := range map[string]string{
		"plain":                             "plain",
		" two\nlines\n":                     "two lines",
		"bad \xff byte":                     "bad ? byte",
		strings.Repeat("ü", maxCause):       strings.Repeat("ü", maxCause/2),
		"a" + strings.Repeat("ü", maxCause): "a" + strings.Repeat("ü", (maxCause-1)/2),
	} {
		if got := OneLine(text); got != want {
			t.Errorf("%.40q became %.40q, want %.40q", text, got, want)
		}
	}
}

func TestHostList(t *testing.T) {
	for want, ranks := range map[string][]int{
		"host 3":           {3},
		"hosts 1 and 2":    {1, 2},
		"hosts 1, 2 and 5": {1, 2, 5},
		"hosts 0, 1, 2, 3, 4, 5, 6, 7 and 2 more": {0, 1, 2, 3, 4, 5, 6, 7, 8, 9},
		"hosts 0, 1, 2, 3, 4, 5, 6 and 7":         {0, 1, 2, 3, 4, 5, 6, 7},
	} {
		if got := HostList(ranks); got != want {
			t.Errorf("%v: %q, want %q", ranks, got, want)
		}
	}
}

// FuzzControl feeds a control connection in two pieces: what is taken for a message is within its limits, and
// survives being sent on.
func FuzzControl(f *testing.F) {
	for _, m := range goodMessages() {
		f.Add(m.encode(), uint(5))
	}
	f.Add([]byte("\n\n{\"kind\":\"abort\"}\n{"), uint(3))
	f.Fuzz(func(t *testing.T, stream []byte, cut uint) {
		var input lineBuffer
		cut %= uint(len(stream) + 1)
		for _, piece := range [][]byte{stream[:cut], stream[cut:]} {
			if input.add(piece) != nil {
				return
			}
			for line := input.next(); line != nil; line = input.next() {
				first, err := decode(line)
				if err != nil {
					if !cmp.Equal(first, message{}) {
						t.Fatalf("both %+v and %v", first, err)
					}
					continue
				}
				second, err := decode(bytes.TrimSuffix(first.encode(), []byte("\n")))
				if err != nil || !bytes.Equal(first.encode(), second.encode()) {
					t.Fatalf("%+v became %+v, %v", first, second, err)
				}
			}
		}
	})
}

func TestMerge(t *testing.T) {
	got := merge([]string{"A=1", "B=2", "A=3", "odd"}, []string{"A=4", "C=5", "C=6", "E="})
	if diff := cmp.Diff([]string{"A=4", "B=2", "odd", "C=6", "E="}, got); diff != "" {
		t.Error(diff)
	}
}

func TestMember(t *testing.T) {
	parent := os.Getppid()
	tests := []struct {
		name       string
		supervisor string
		control    string
		want       bool
		fails      bool
	}{
		{name: "started by the user"},
		{name: "started by the supervisor", control: "3," + strconv.Itoa(parent), want: true},
		{name: "started by a host that never called jia_init", control: "3," + strconv.Itoa(parent+1)},
		{name: "rubbish in the variable", control: "x,y"},
		{name: "a supervisor that reached main", supervisor: "1", fails: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv(EnvSupervisor, test.supervisor)
			t.Setenv(envControl, test.control)
			got, err := Member()
			if got != test.want || (err != nil) != test.fails {
				t.Errorf("%v, error %v", got, err)
			}
		})
	}
}
