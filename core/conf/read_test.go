package conf_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jiajia/core/conf"
)

// folder makes the working directory an empty one, but for files (pairs of name and content).
func folder(t *testing.T, files ...string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for i := 0; i < len(files); i += 2 {
		if err := os.WriteFile(files[i], []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRead(t *testing.T) {
	folder(t)
	got, warnings, err := conf.Read("", environment("JIA_LOG", "info"))
	want := defaults()
	want.Log = conf.LogInfo
	if diff := cmp.Diff(want, got); err != nil || warnings != nil || diff != "" {
		t.Errorf("no file: %v, %q, %s", err, warnings, diff)
	}

	folder(t, ".jiaconf", "log = debug\nspin = off\nspni = 1\n")
	got, warnings, err = conf.Read("", environment("JIA_LOG", "info"))
	want.Spin = conf.SpinOff
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("a file: %v, %s", err, diff)
	}
	if diff := cmp.Diff([]string{`.jiaconf:3: "spni" is not a setting and has no effect; did you mean spin?`}, warnings); diff != "" {
		t.Error(diff)
	}
}

func TestReadHosts(t *testing.T) {
	hosts := func(slots ...int) (list []conf.Host) {
		for i, n := range slots {
			list = append(list, conf.Host{Name: string(rune('a' + i)), Slots: n, Line: i + 1})
		}
		return list
	}
	const found, named = "a slots=5", "a slots=2\nb\nc slots=3\n"
	tests := []struct {
		name  string
		files []string
		env   []string
		want  []conf.Host
	}{
		{"no file", nil, nil, nil},
		{"a file that is found", []string{".jiahosts", found}, nil, hosts(5)},
		{"JIA_NPROC wins over it", []string{".jiahosts", found}, []string{"JIA_NPROC", "1"}, nil},
		{"nproc in .jiaconf does not", []string{".jiahosts", found, ".jiaconf", "nproc = 2"}, nil, hosts(5)},
		{"a file that JIA_HOSTS names", []string{".jiahosts", found, "h", named}, []string{"JIA_HOSTS", "h"}, hosts(2, 1, 3)},
		{"a file that .jiaconf names", []string{".jiahosts", found, "h", named, ".jiaconf", "hosts = h"}, nil, hosts(2, 1, 3)},
		{"all of its places", []string{"h", named}, []string{"JIA_HOSTS", "h", "JIA_NPROC", "6"}, hosts(2, 1, 3)},
		{"the first of its places", []string{"h", named}, []string{"JIA_HOSTS", "h", "JIA_NPROC", "4"}, hosts(2, 1, 1)},
		{"whole hosts of it", []string{"h", named}, []string{"JIA_HOSTS", "h", "JIA_NPROC", "3"}, hosts(2, 1)},
		{"one place of it", []string{"h", named}, []string{"JIA_HOSTS", "h", "JIA_NPROC", "1"}, hosts(1)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			folder(t, test.files...)
			s, _, err := conf.Read("", environment(test.env...))
			if err != nil {
				t.Fatal(err)
			}
			got, warnings, err := conf.ReadHosts("", s, nil)
			if err != nil || warnings != nil {
				t.Fatalf("%v, %q", err, warnings)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	const hosts, settings = "correct the setting hosts (JIA_HOSTS) or the file", "make it a file that you may read, or remove it"
	tests := []struct {
		name  string
		files []string
		env   []string
		setup func() error
		want  string
	}{
		{"a hosts file that is not there", nil, []string{"JIA_HOSTS", "dir/h"}, nil, `read the hosts file: "dir/h": there is no such file: ` + hosts},
		{"a folder for a hosts file", nil, []string{"JIA_HOSTS", "."}, nil, "read the hosts file: read .: is a directory: " + hosts},
		{"a file for a folder", []string{"f", ""}, []string{"JIA_HOSTS", "f/h"}, nil, "read the hosts file: open f/h: not a directory: " + hosts},
		{"a file without an end", nil, []string{"JIA_HOSTS", "/dev/zero"}, nil, "read the hosts file: /dev/zero is larger than 16 MiB: " + hosts},
		{"a hosts file that is empty", []string{".jiahosts", ""}, nil, nil, ".jiahosts: found no host, "},
		{"more processes than places", []string{"h", "a\nb slots=2"}, []string{"JIA_HOSTS", "h", "JIA_NPROC", "4"}, nil,
			"JIA_NPROC is 4, but h has places for 3 processes: lower or unset JIA_NPROC, or add hosts or slots"},
		{"a folder for the settings", nil, nil, func() error { return os.Mkdir(".jiaconf", 0o700) },
			"read the settings: read .jiaconf: is a directory: " + settings},
		{"settings that are not in form", []string{".jiaconf", "x"}, nil, nil, `.jiaconf:1: found "x", expected `},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			folder(t, test.files...)
			if test.setup != nil {
				if err := test.setup(); err != nil {
					t.Fatal(err)
				}
			}
			s, _, err := conf.Read("", environment(test.env...))
			if err == nil {
				_, _, err = conf.ReadHosts("", s, nil)
			}
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("\n got %v\nwant %s", err, test.want)
			}
		})
	}
}

// A program may have gone elsewhere before jia_init: what the user wrote means what it meant where it was written.
func TestReadFromAnotherDirectory(t *testing.T) {
	folder(t, ".jiaconf", "hosts = list\nspin = off\n", "list", "a\nb\n", ".jiahosts", "c\n")
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for _, test := range []struct {
		env, want []string
	}{
		{nil, []string{"a", "b"}},
		{[]string{"JIA_HOSTS", ".jiahosts"}, []string{"c"}},
		{[]string{"JIA_HOSTS", dir + "/list"}, []string{"a", "b"}},
	} {
		s, _, err := conf.Read(dir, environment(append(test.env, "JIA_STATS", "s.json", "JIA_SECRET_FILE", "key")...))
		if err != nil {
			t.Fatal(err)
		}
		hosts, _, err := conf.ReadHosts(dir, s, nil)
		var names []string
		for _, h := range hosts {
			names = append(names, h.Name)
		}
		if diff := cmp.Diff(test.want, names); err != nil || diff != "" {
			t.Errorf("%q: %v, %s", test.env, err, diff)
		}
		if s.Spin != conf.SpinOff || string(s.Stats) != dir+"/s.json" || s.SecretFile != dir+"/key" {
			t.Errorf("%q: %+v", test.env, s)
		}
	}
	s, _, err := conf.Read(dir, environment("JIA_STATS", "1"))
	if err != nil || s.Stats != conf.StatsTable || s.SecretFile != "" {
		t.Errorf("%v, %+v", err, s)
	}
	s.Hosts = ""
	if hosts, _, err := conf.ReadHosts(dir, s, nil); err != nil || len(hosts) != 1 {
		t.Errorf("%v, %v", hosts, err)
	}
}
