package conf_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jiajia/core/conf"
)

func TestSpareMachines(t *testing.T) {
	const four = "a\nb slots=2\nc\nb\n"
	for _, test := range []struct {
		name, text, out string
		fewer           bool
		want            string // name*slots, or what the error says
	}{
		{"nothing is lost", four + "s spare\n", "", false, "a*1 b*2 c*1 b*1"},
		{"one takes all places of a machine", four + "s spare\n", "b", false, "a*1 s*2 c*1 s*1"},
		{"another takes those of another", four + "s spare\nbob@u spare\n", "b c", false, "a*1 s*2 u*1 s*1"},
		{"one is not for two machines", four + "s spare\n", "b c", false, `no spare machine left for "c"`},
		{"places that are counted", four + "s slots=2 spare\nu slots=1 spare\n", "b", false, "a*1 s*2 c*1 u*1"},
		{"too few of them", four + "s slots=2 spare\n", "b", false, `no spare machine left for "b"`},
		{"too few, and fewer will do", four + "s slots=2 spare\n", "b", true, "a*1 s*2 c*1"},
		{"fewer", four, "B", true, "a*1 c*1"},
		{"none", four, "b", false, `no spare machine left for "b"`},
		{"a spare that does not answer", four + "s spare\nu spare\n", "c s", false, "a*1 b*2 u*1 b*1"},
		{"all are gone", "a\n", "a", true, "none of the machines"},
		{"only spares", "a spare\n", "", false, "found no host"},
		{"a user of that name", "a\nspare@b\nc spare slots=2\n", "", false, "a*1 b*1 c*2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "hosts")
			if err := os.WriteFile(path, []byte(test.text), 0o644); err != nil {
				t.Fatal(err)
			}
			s := conf.Settings{Hosts: path, RestartHosts: conf.RestartSame}
			if test.fewer {
				s.RestartHosts = conf.RestartFewer
			}
			hosts, _, err := conf.ReadHosts("", s, strings.Fields(test.out))
			var got []string
			for _, h := range hosts {
				got = append(got, fmt.Sprintf("%s*%d", h.Name, h.Slots))
			}
			if err != nil {
				got = []string{err.Error()}
			}
			if text := strings.Join(got, " "); text != test.want && (err == nil || !strings.Contains(text, test.want)) {
				t.Errorf("%s", text)
			}
		})
	}
}
