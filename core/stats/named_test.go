package stats

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNamedTable(t *testing.T) {
	if text := NamedTable(nil); text != "" {
		t.Errorf("without names there is %q", text)
	}
	at := func(host int, seconds, faults uint64) Host {
		return Host{host, Row{Faulting: seconds * 1e9, ReadFaults: faults}}
	}
	text := NamedTable([]Named{
		{"quiet", nil},
		{"busy", []Host{at(0, 1, 10), at(3, 2, 20)}},
		{"first of equals", []Host{at(1, 1, 1)}},
		{"second\tof equals", []Host{at(1, 1, 2)}},
		{"a name that is longer than its column", []Host{at(2, 9, 1e9)}},
	})
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	var got []string
	for i, l := range lines {
		if i > 0 && len(l) != len(lines[1]) {
			t.Errorf("lines of different length:\n%s", text)
		}
		got = append(got, strings.Join(strings.Fields(l), " "))
	}
	want := []string{"jia: statistics by name of allocation, all hosts", "waiting, s read faults write faults fetched invalidated diffs sent",
		"a name that is longer th... 9.000 1000000000 0 0 0 0", "busy 3.000 30 0 0 0 0", "first of equals 1.000 1 0 0 0 0",
		"second?of equals 1.000 2 0 0 0 0", "quiet 0.000 0 0 0 0 0"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNamedJSON(t *testing.T) {
	names := []string{"grid", "", "q\"uote\\\n\x01\u00e9", "bad \xff"}
	var named []Named
	for _, n := range names {
		named = append(named, Named{n, []Host{{1, row(2)}, {4, row(3)}}})
	}
	named = append(named, Named{"nobody's", nil})
	text := JSON(5, job(5), named)
	var got struct {
		Named []struct {
			Name    string
			Total   map[string]json.Number
			PerHost []map[string]json.Number `json:"per_host"`
		}
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if len(got.Named) != len(named) {
		t.Fatalf("%d names in\n%s", len(got.Named), text)
	}
	for i, n := range got.Named {
		if i == len(names) {
			if len(n.PerHost) != 0 || n.Total["pages_fetched"] != "0" {
				t.Errorf("nobody's: %+v", n)
			}
			break
		}
		if n.Name != strings.ToValidUTF8(names[i], "\ufffd") || len(n.PerHost) != 2 || len(n.Total) != len(NamedFields) || len(n.PerHost[0]) != len(NamedFields)+1 {
			t.Fatalf("%q is %+v", names[i], n)
		}
		shown := fmt.Sprintf("%v %v %v %v %v", n.Total["pages_fetched"], n.PerHost[0]["host"], n.PerHost[1]["host"], n.PerHost[1]["diffs_sent"], n.Total["seconds_faulting"])
		if want := "5 1 4 3 0.000000005"; shown != want {
			t.Errorf("%q: %s, want %s", names[i], shown, want)
		}
	}
}
