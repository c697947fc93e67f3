package stats

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFieldsAreComplete(t *testing.T) {
	names := make(map[string]bool)
	for f, info := range Fields {
		if info.Name == "" || info.Label == "" || names[info.Name] {
			t.Errorf("field %d: %+v has a gap or the name of another", f, info)
		}
		names[info.Name] = true
		if strings.HasPrefix(info.Name, "seconds_") != (info.Unit == Nanoseconds) || strings.Contains(info.Name, "bytes") != (info.Unit == Bytes) {
			t.Errorf("%s: the name does not fit the unit", info.Name)
		}
		if longest := labelWidth - len(", MB"); len(info.Label) > longest {
			t.Errorf("%q is longer than %d characters", info.Label, longest)
		}
	}
}

// row has the given value in all fields.
func row(v uint64) (r Row) {
	for f := range r {
		r[f] = v
	}
	return r
}

func TestWindow(t *testing.T) {
	type step struct {
		do   string // open, close
		at   uint64 // what has been counted by then
		want uint64 // what is shown right after, and at 100
		last uint64
	}
	for _, test := range []struct {
		name  string
		steps []step
	}{
		{"without a window all is shown", []step{{"", 7, 7, 100}}},
		{"the first opening drops what came before", []step{{"open", 10, 0, 90}}},
		{"opening twice does nothing", []step{{"open", 10, 0, 90}, {"open", 20, 10, 90}}},
		{"a closed window stays", []step{{"open", 10, 0, 90}, {"close", 30, 20, 20}, {"close", 40, 20, 20}}},
		{"windows add up", []step{{"open", 10, 0, 90}, {"close", 30, 20, 20}, {"open", 50, 20, 70}, {"close", 55, 25, 25}}},
		{"closing alone ends the window from the start", []step{{"close", 30, 30, 30}, {"open", 50, 30, 80}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var w Window
			for _, s := range test.steps {
				switch s.do {
				case "open":
					w.Open(row(s.at))
				case "close":
					w.Close(row(s.at))
				}
				for at, want := range map[uint64]uint64{s.at: s.want, 100: s.last} {
					shown := w.Shown(row(at))
					if shown[PagesFetched] != want || shown[Elapsed] != want {
						t.Errorf("%s at %d, looked at at %d: %d, want %d", s.do, s.at, at, shown[PagesFetched], want)
					}
					if shown[CachedPages] != at {
						t.Errorf("a level of %d is shown as %d", at, shown[CachedPages])
					}
				}
			}
		})
	}
}

// job makes hosts whose numbers are their own, times ten.
func job(hosts int) (list []Host) {
	for h := range hosts {
		list = append(list, Host{h, row(uint64(10 * h))})
	}
	return list
}

func TestTable(t *testing.T) {
	line := func(text, label string) string {
		for _, l := range strings.Split(text, "\n") {
			if strings.HasPrefix(l, "  "+label) {
				return strings.Join(strings.Fields(strings.TrimPrefix(l, "  "+label)), " ")
			}
		}
		t.Fatalf("no line %q in\n%s", label, text)
		return ""
	}
	for _, test := range []struct {
		hosts int
		list  []Host
		head  string
		pages string
	}{
		{1, job(1), "statistics of 1 host\n", "0"},
		{3, job(3), "statistics of 3 hosts\n", "0 10 20 30"},
		{8, job(8), "statistics of 8 hosts\n", "0 10 20 30 40 50 60 70 280"},
		{9, job(9), "statistics of 9 hosts\n", "0 40 80 8 360"},
		{1024, job(1024), "statistics of 1024 hosts\n", "0 5120 10230 1023 5237760"},
		{4, job(3), "statistics of 4 hosts (those of 1 did not arrive)\n", "0 10 20 30"},
	} {
		text := Table(test.hosts, test.list)
		if !strings.HasPrefix(text, "jia: "+test.head) || !strings.HasSuffix(text, "\n") {
			t.Errorf("%d hosts:\n%s", test.hosts, text)
		}
		if got := line(text, "pages fetched"); got != test.pages {
			t.Errorf("%d hosts: pages fetched %s, want %s", test.hosts, got, test.pages)
		}
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")[1:]
		for _, l := range lines {
			if len(l) != len(lines[0]) {
				t.Errorf("%d hosts: lines of different length:\n%s", test.hosts, text)
				break
			}
		}
	}
	list := []Host{{0, Row{Elapsed: 1_234_567_890, MemoryBytes: 4_096_000}}}
	text := Table(1, list)
	for label, want := range map[string]string{"elapsed, s": "1.235", "shared memory in use, MB": "4.096"} {
		if got := line(text, label); got != want {
			t.Errorf("%s: %s, want %s", label, got, want)
		}
	}
}

func TestJSON(t *testing.T) {
	list := []Host{{0, Row{Elapsed: 1_500_000_000, PagesFetched: 1 << 60}}, {2, Row{Elapsed: 1, PagesFetched: 3}}}
	text := JSON(3, list, nil)
	var got struct {
		Hosts   int
		Total   map[string]json.Number
		PerHost []map[string]json.Number `json:"per_host"`
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if got.Hosts != 3 || len(got.PerHost) != 2 || len(got.Total) != Len || len(got.PerHost[1]) != Len+1 {
		t.Fatalf("%s", text)
	}
	shown := []string{fmt.Sprint(got.Total["pages_fetched"]), fmt.Sprint(got.Total["seconds_elapsed"]), fmt.Sprint(got.PerHost[0]["seconds_elapsed"]),
		fmt.Sprint(got.PerHost[1]["host"]), fmt.Sprint(got.PerHost[1]["pages_fetched"])}
	if diff := cmp.Diff([]string{"1152921504606846979", "1.500000001", "1.500000000", "2", "3"}, shown); diff != "" {
		t.Error(diff)
	}
	// The keys stand in the order of the fields, which is that of the structure in the header.
	keys := regexp.MustCompile(`"([a-z_]+)":`).FindAllStringSubmatch(strings.Split(string(text), "\n")[2], -1)
	for f, info := range Fields {
		if keys[f+1][1] != info.Name { // after "total"
			t.Errorf("key %d is %s, want %s", f, keys[f+1][1], info.Name)
		}
	}
}
