package conf_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jiajia/core/conf"
)

func TestParseHosts(t *testing.T) {
	tests := []struct {
		name, text string
		want       []conf.Host
	}{
		{"a name", "node1", []conf.Host{{Name: "node1", Slots: 1, Line: 1}}},
		{"lines in order, with comments and gaps", "# master\nnode1 # here\n\n\tnode2.example.org  bob slots=4\n10.0.0.3\n",
			[]conf.Host{{Name: "node1", Slots: 1, Line: 2}, {Name: "node2.example.org", User: "bob", Slots: 4, Line: 4},
				{Name: "10.0.0.3", Slots: 1, Line: 5}}},
		{"the same host again", "a\nb\na", []conf.Host{{Name: "a", Slots: 1, Line: 1}, {Name: "b", Slots: 1, Line: 2}, {Name: "a", Slots: 1, Line: 3}}},
		{"IPv6", "::1\n[fd00::2] bob\nfe80::1%eth0 slots=2", []conf.Host{{Name: "::1", Slots: 1, Line: 1},
			{Name: "fd00::2", User: "bob", Slots: 1, Line: 2}, {Name: "fe80::1%eth0", Slots: 2, Line: 3}}},
		{"users in front", "bob@node1\ncorp\\bob@[::1] slots=2\nbob@corp.example@node2", []conf.Host{
			{Name: "node1", User: "bob", Slots: 1, Line: 1}, {Name: "::1", User: `corp\bob`, Slots: 2, Line: 2},
			{Name: "node2", User: "bob@corp.example", Slots: 1, Line: 3}}},
		{"a file of another system", "\uFEFFnode1\r\n\r\nnode_2 bob\r\n",
			[]conf.Host{{Name: "node1", Slots: 1, Line: 1}, {Name: "node_2", User: "bob", Slots: 1, Line: 3}}},
		{"as many as a machine runs", "a slots=1023\nA", []conf.Host{{Name: "a", Slots: 1023, Line: 1}, {Name: "A", Slots: 1, Line: 2}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, warnings, err := conf.ParseHosts("f", []byte(test.text))
			if err != nil || warnings != nil {
				t.Fatalf("error %v, warnings %q", err, warnings)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPasswordsAreIgnored(t *testing.T) {
	const what = "remove them from the file, and let ssh log in with a key (ssh-keygen, ssh-copy-id)"
	for text, want := range map[string]string{
		"a\nb bob geheim\n":                          "f:2: passwords are ignored, in this line: " + what,
		"a bob geheim\nb bob geheim\n":               "f:1: passwords are ignored, in this line and one more: " + what,
		"a u geheim\nb u geheim slots=2\nc u geheim": "f:1: passwords are ignored, in this line and 2 more: " + what,
	} {
		hosts, warnings, err := conf.ParseHosts("f", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{want}, warnings); diff != "" {
			t.Error(diff)
		}
		if strings.Contains(fmt.Sprint(hosts), "geheim") {
			t.Errorf("%+v", hosts)
		}
	}
}

func TestParseHostsRefuses(t *testing.T) {
	const line = `"name-or-address [user [password]] [slots=N] [spare]"`
	const empty = "f: found no host, expected a line " + line + " for each host, the first being the master: " +
		"add them, or remove the file to run on this machine alone"
	name := func(found string) string {
		return "f:1: found " + found + ", expected a host name or an address first, as in " + line + "; a port belongs in ssh's own configuration"
	}
	slots := func(found string) string {
		return "f:1: found " + found + ", expected slots=N with a whole number from 1 to 1024"
	}
	user := func(found string) string {
		return "f:1: found " + found + " where the user belongs, expected a user's name, as in " + line
	}
	const among = "f:1: found slots among other words, expected slots=N once, without spaces, as the last word"
	many := strings.Builder{}
	for i := range 65 {
		fmt.Fprintf(&many, "h%d slots=1024\n", i)
	}
	tests := []struct{ text, want string }{
		{"", empty},
		{"\uFEFF\r\n# node1\r\n", empty},
		{"-oProxyCommand=x", name(`"-oProxyCommand=x"`)},
		{"bob@-v", name(`"-v"`)},
		{"node1:22", name(`"node1:22"`)},
		{"node;reboot", name(`"node;reboot"`)},
		{"knöt", name(`"knöt"`)},
		{"a\x00b", name(`"a\x00b"`)},
		{"10.0.0", name(`"10.0.0"`)},
		{"300.1.1.1", name(`"300.1.1.1"`)},
		{"a..b", name(`"a..b"`)},
		{".a", name(`".a"`)},
		{"[node1]", name(`"[node1]"`)},
		{"[::1", name(`"[::1"`)},
		{"[10.0.0.1]", name(`"[10.0.0.1]"`)},
		{"fe80::1%$(x)", name(`"fe80::1%$(x)"`)},
		{"bob@", name(`""`)},
		{"slots=4", name(`"slots=4"`)},
		{strings.Repeat("a", 254), name(`"` + strings.Repeat("a", 64) + `..."`)},
		{"a slots=0", slots(`"slots=0"`)},
		{"a slots=1025", slots(`"slots=1025"`)},
		{"a slots=-1", slots(`"slots=-1"`)},
		{"a slots=", slots(`"slots="`)},
		{"a slots", slots(`"slots"`)},
		{"a slots=99999999999999999999", slots(`"slots=99999999999999999999"`)},
		{"a slots=two", slots(`"slots=two"`)},
		{"a slots=2 bob", among},
		{"a slots = 2", among},
		{"a slots=2 slots=2", among},
		{"a slots 2", among},
		{"a -l", user(`"-l"`)},
		{"a slot=4", user(`"slot=4"`)},
		{"@a", user(`""`)},
		{"bob:geheim@a", user(`"bob"`) + ""},
		{"a bob geheim more", "f:1: found 4 words, expected " + line + ": remove the rest of the line"},
		{"bob@a geheim", "f:1: found another word behind user@host, expected nothing or slots=N there: remove the rest of the line"},
		{"a bob max-slots=4", "f:1: found an option that is not known as the third word, expected a password or slots=N"},
		{"a slots=1000\nb\nA slots=25", `f:3: up to this line "A" has 1025 processes, expected at most 1024 on one machine: ` +
			"lower its slots or remove lines"},
		{"::1 slots=1000\n[0::1] slots=25", `f:2: up to this line "0::1" has 1025 processes, expected at most 1024 on one machine: ` +
			"lower its slots or remove lines"},
		{many.String(), "f:65: up to this line there are 66560 processes, expected at most 65536 in a job: lower slots or remove lines"},
	}
	for _, test := range tests {
		hosts, warnings, err := conf.ParseHosts("f", []byte(test.text))
		if err == nil || err.Error() != test.want || hosts != nil || warnings != nil {
			t.Errorf("%.80q:\n got %v, %+v, %q\nwant %s", test.text, err, hosts, warnings, test.want)
		}
		if err != nil && strings.Contains(err.Error(), "geheim") {
			t.Error("the line has the password")
		}
	}
}

// FuzzParseHosts: any bytes lead to an error of one line, or to hosts that can be given to ssh as they are.
func FuzzParseHosts(f *testing.F) {
	for _, text := range []string{"", "a\n", "\uFEFFa bob pw slots=2\r\n# x\nbob@[::1]", "fe80::1%eth0 slots=1024", "10.0.0.1 slots", "a slots=0",
		"a b c d", "-v", "a slot=4", "u:p@h", "a b x=1"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		hosts, warnings, err := conf.ParseHosts("f", text)
		if err != nil {
			oneLine(t, err.Error(), "f:")
			if hosts != nil || warnings != nil {
				t.Fatalf("beside an error: %+v, %q", hosts, warnings)
			}
			return
		}
		if len(warnings) > 1 || len(hosts) == 0 || conf.Places(hosts) > conf.MaxHosts {
			t.Fatalf("%d hosts, warnings %q", len(hosts), warnings)
		}
		var again strings.Builder
		line := 0
		for _, h := range hosts {
			if h.Name == "" || h.Name[0] == '-' || strings.HasPrefix(h.User, "-") || strings.ContainsAny(h.Name+h.User, " \t\n'\"$`;&|<>()*?/") ||
				h.Slots < 1 || h.Slots > conf.MaxLocalHosts || h.Line <= line {
				t.Fatalf("%+v", h)
			}
			again.WriteString(strings.Repeat("\n", h.Line-line-1))
			line = h.Line
			if h.User != "" {
				again.WriteString(h.User + "@")
			}
			fmt.Fprintf(&again, "%s slots=%d\n", h.Name, h.Slots)
		}
		same, _, err := conf.ParseHosts("f", []byte(again.String()))
		if diff := cmp.Diff(hosts, same); err != nil || diff != "" {
			t.Fatalf("written out again: %v, %s", err, diff)
		}
	})
}
