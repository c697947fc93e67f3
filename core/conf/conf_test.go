package conf_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jiajia/core/conf"
)

// environment makes the env argument of Load from pairs of name and value.
func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func defaults() conf.Settings {
	return conf.Settings{NProc: 1, Fault: conf.FaultAuto, RegionSize: 1 << 40, PageSize: 4096, Spin: conf.SpinAuto, Comm: conf.CommAuto, SHM: true,
		SSH: []string{"ssh"}, Rank: -1, Prefetch: 128, CkptKeep: 2, CkptFull: 10, PeerTimeout: 10000, OnFailure: conf.FailureFail, MaxRestarts: 3,
		RestartHosts: conf.RestartSame, Stats: conf.StatsOff, Log: conf.LogWarn}
}

func TestLoad(t *testing.T) {
	tests := []struct {
		name string
		env  []string
		want func(*conf.Settings)
	}{
		{"an empty environment gives the defaults", nil, func(*conf.Settings) {}},
		{"a variable set to nothing counts as unset", []string{"JIA_NPROC", ""}, func(*conf.Settings) {}},
		{"processes", []string{"JIA_NPROC", "4"}, func(s *conf.Settings) { s.NProc, s.NProcSet = 4, true }},
		{"as many as the default", []string{"JIA_NPROC", "1"}, func(s *conf.Settings) { s.NProcSet = true }},
		{"as many processes as allowed", []string{"JIA_NPROC", "1024"}, func(s *conf.Settings) { s.NProc, s.NProcSet = 1024, true }},
		{"places of a hosts file", []string{"JIA_NPROC", "65536", "JIA_HOSTS", "dir/my hosts"},
			func(s *conf.Settings) { s.NProc, s.NProcSet, s.Hosts = 65536, true, "dir/my hosts" }},
		{"an interface", []string{"JIA_NETWORK", "eth0.100"}, func(s *conf.Settings) { s.Network = "eth0.100" }},
		{"an address", []string{"JIA_NETWORK", "10.1.2.3"}, func(s *conf.Settings) { s.Network = "10.1.2.3" }},
		{"an address with a zone", []string{"JIA_NETWORK", "fe80::1%eth0"}, func(s *conf.Settings) { s.Network = "fe80::1%eth0" }},
		{"a subnet", []string{"JIA_NETWORK", "fd00::/8"}, func(s *conf.Settings) { s.Network = "fd00::/8" }},
		{"tcp", []string{"JIA_COMM_TYPE", "tcp"}, func(s *conf.Settings) { s.Comm = conf.CommTCP }},
		{"udp, which is tcp now", []string{"JIA_COMM_TYPE", "udp"}, func(s *conf.Settings) { s.Comm = conf.CommTCP }},
		{"rdma", []string{"JIA_COMM_TYPE", "rdma"}, func(s *conf.Settings) { s.Comm = conf.CommRDMA }},
		{"no shared memory", []string{"JIA_SHM", "0"}, func(s *conf.Settings) { s.SHM = false }},
		{"shared memory", []string{"JIA_SHM", "1"}, func(*conf.Settings) {}},
		{"a command for ssh", []string{"JIA_SSH", " /opt/ssh  -F file "},
			func(s *conf.Settings) { s.SSH = []string{"/opt/ssh", "-F", "file"} }},
		{"variables to pass on", []string{"JIA_EXPORT", "LD_LIBRARY_PATH, _a1"},
			func(s *conf.Settings) { s.Export = []string{"LD_LIBRARY_PATH", "_a1"} }},
		{"no read-ahead", []string{"JIA_PREFETCH", "off"}, func(s *conf.Settings) { s.Prefetch = 0 }},
		{"read-ahead of older systems", []string{"JIA_PREFETCH", "on"}, func(*conf.Settings) {}},
		{"a little read-ahead", []string{"JIA_PREFETCH", "2"}, func(s *conf.Settings) { s.Prefetch = 2 }},
		{"tagged output", []string{"JIA_TAG_OUTPUT", "on"}, func(s *conf.Settings) { s.TagOutput = true }},
		{"a table of statistics", []string{"JIA_STATS", "1"}, func(s *conf.Settings) { s.Stats = conf.StatsTable }},
		{"a file of statistics", []string{"JIA_STATS", "run 1.json"}, func(s *conf.Settings) { s.Stats = "run 1.json" }},
		{"more to read", []string{"JIA_LOG", "debug"}, func(s *conf.Settings) { s.Log = conf.LogDebug }},
		{"another launcher", []string{"JIA_RANK", "0", "JIA_SIZE", "65536", "JIA_ROOT", "[::1]:65535", "JIA_SECRET_FILE", "/run/s"},
			func(s *conf.Settings) { s.Size, s.Rank, s.Root, s.SecretFile = 65536, 0, "[::1]:65535", "/run/s" }},
		{"another launcher, of one process", []string{"JIA_RANK", "0", "JIA_SIZE", "1"},
			func(s *conf.Settings) { s.Rank, s.Size = 0, 1 }},
		{"a meeting place alone", []string{"JIA_ROOT", "node-1.example:4000"}, func(s *conf.Settings) { s.Root = "node-1.example:4000" }},
		{"userfaultfd alone", []string{"JIA_FAULT", "uffd"}, func(s *conf.Settings) { s.Fault = conf.FaultUffd }},
		{"page protection", []string{"JIA_FAULT", "mprotect"}, func(s *conf.Settings) { s.Fault = conf.FaultMprotect }},
		{"region in gigabytes", []string{"JIA_REGION_SIZE", "64G"}, func(s *conf.Settings) { s.RegionSize = 64 << 30 }},
		{"region in small letters", []string{"JIA_REGION_SIZE", "64g"}, func(s *conf.Settings) { s.RegionSize = 64 << 30 }},
		{"the smallest region, in bytes", []string{"JIA_REGION_SIZE", "1048576"}, func(s *conf.Settings) { s.RegionSize = 1 << 20 }},
		{"pages of 64 KiB", []string{"JIA_PAGE_SIZE", "64K"}, func(s *conf.Settings) { s.PageSize = 64 << 10 }},
		{"the largest pages, in bytes", []string{"JIA_PAGE_SIZE", "2097152"}, func(s *conf.Settings) { s.PageSize = 2 << 20 }},
		{"a page cache", []string{"JIA_CACHE_SIZE", "512M"}, func(s *conf.Settings) { s.CacheSize = 512 << 20 }},
		{"a small page cache", []string{"JIA_CACHE_SIZE", "256k"}, func(s *conf.Settings) { s.CacheSize = 256 << 10 }},
		{"the largest region", []string{"JIA_REGION_SIZE", "64T"}, func(s *conf.Settings) { s.RegionSize = 64 << 40 }},
		{"no spinning", []string{"JIA_SPIN", "off"}, func(s *conf.Settings) { s.Spin = conf.SpinOff }},
		{"several at once", []string{"JIA_SPIN", "on", "JIA_NPROC", "2"},
			func(s *conf.Settings) { s.Spin, s.NProc, s.NProcSet = conf.SpinOn, 2, true }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want := defaults()
			test.want(&want)
			got, err := conf.Load(environment(test.env...))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	tests := []struct{ name, env, value string }{
		{"words for a number", "JIA_NPROC", "four"},
		{"no process", "JIA_NPROC", "0"},
		{"a negative number of processes", "JIA_NPROC", "-3"},
		{"more processes than a machine runs", "JIA_NPROC", "1025"},
		{"a number that overflows", "JIA_NPROC", "99999999999999999999"},
		{"half a process", "JIA_NPROC", "1.5"},
		{"a number and something else", "JIA_NPROC", "4 hosts"},
		{"spaces for a number", "JIA_NPROC", " "},
		{"an unknown backend", "JIA_FAULT", "ptrace"},
		{"a backend in capitals", "JIA_FAULT", "UFFD"},
		{"a region of nothing", "JIA_REGION_SIZE", "0"},
		{"a unit without a number", "JIA_REGION_SIZE", "G"},
		{"a negative region", "JIA_REGION_SIZE", "-1G"},
		{"a region that overflows in bytes", "JIA_REGION_SIZE", "99999999999T"},
		{"a region above the limit", "JIA_REGION_SIZE", "65T"},
		{"a region below the limit", "JIA_REGION_SIZE", "4096"},
		{"a region that is no whole number of pages", "JIA_REGION_SIZE", "1048577"},
		{"an unknown unit", "JIA_REGION_SIZE", "1P"},
		{"shared memory that nobody knows", "JIA_SHM", "2"},
		{"a mode of spinning nobody knows", "JIA_SPIN", "yes"},
		{"read-ahead of one page", "JIA_PREFETCH", "1"},
		{"read-ahead of too much", "JIA_PREFETCH", "129"},
		{"read-ahead of nobody knows what", "JIA_PREFETCH", "yes"},
		{"a path with a control character", "JIA_HOSTS", "a\tb"},
		{"a subnet that is none", "JIA_NETWORK", "10.0.0.0/33"},
		{"an address that is none", "JIA_NETWORK", "10.0.0"},
		{"an interface with a name that is too long", "JIA_NETWORK", "enp0s31f6.100000"},
		{"a transport nobody knows", "JIA_COMM_TYPE", "pigeon"},
		{"only spaces for a command", "JIA_SSH", " "},
		{"a variable that is none", "JIA_EXPORT", "PATH,1A"},
		{"no variable between commas", "JIA_EXPORT", "PATH,,HOME"},
		{"a variable of the library", "JIA_EXPORT", "JIA_RANK"},
		{"a switch neither on nor off", "JIA_TAG_OUTPUT", "1"},
		{"a file of another kind", "JIA_STATS", "stats.txt"},
		{"a level nobody knows", "JIA_LOG", "trace"},
		{"a negative rank", "JIA_RANK", "-1"},
		{"a rank no job has", "JIA_RANK", "65536"},
		{"no size", "JIA_SIZE", "0"},
		{"a size no job has", "JIA_SIZE", "65537"},
		{"no port", "JIA_ROOT", "node1"},
		{"port 0", "JIA_ROOT", "node1:0"},
		{"a port out of range", "JIA_ROOT", "node1:65536"},
		{"an address without brackets", "JIA_ROOT", "::1:4000"},
		{"a host that is none", "JIA_ROOT", "-node:4000"},
		{"a secret's path with a control character", "JIA_SECRET_FILE", "a\x7fb"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := conf.Load(environment(test.env, test.value))
			var bad *conf.ValueError
			if !errors.As(err, &bad) {
				t.Fatalf("error %v, want a ValueError", err)
			}
			for _, part := range []string{test.env, strconv.Quote(test.value), bad.Setting.Type, "unset it"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
			if diff := cmp.Diff(conf.Settings{}, got); diff != "" {
				t.Errorf("settings beside an error: %s", diff)
			}
		})
	}
}

func TestErrorsStayOnOneShortLine(t *testing.T) {
	_, err := conf.Load(environment("JIA_NPROC", strings.Repeat("9\n", 10000)))
	if text := err.Error(); strings.Contains(text, "\n") || len(text) > 400 {
		t.Errorf("%d bytes: %.100q", len(text), text)
	}
}

func TestTableIsComplete(t *testing.T) {
	for _, row := range conf.Table {
		if row.Name == "" || row.Type == "" || row.Meaning == "" || (row.Default == "") == (row.Unset == "") {
			t.Errorf("a gap in %+v", row)
		}
		if want := "JIA_" + strings.ToUpper(row.Name); row.Env != want {
			t.Errorf("setting %s comes from %s, want %s", row.Name, row.Env, want)
		}
		if _, err := conf.Load(environment(row.Env, row.Default)); err != nil {
			t.Errorf("default: %v", err)
		}
	}
}

// What cannot be used for another reason than its form says so in a line that is written out here.
func TestReasons(t *testing.T) {
	const all = "set JIA_RANK, JIA_SIZE, JIA_ROOT and JIA_SECRET_FILE for every process, or none of them"
	tests := []struct {
		env  []string
		want string
	}{
		{[]string{"JIA_SIZE", "2"}, "JIA_SIZE is 2, but JIA_RANK is not set: " + all},
		{[]string{"JIA_RANK", "2"}, "JIA_RANK is 2, but JIA_SIZE is not set: " + all},
		{[]string{"JIA_RANK", "2", "JIA_SIZE", "2"},
			"JIA_RANK is 2, but must be below JIA_SIZE, which is 2: number the processes from 0 on"},
		{[]string{"JIA_RANK", "1", "JIA_SIZE", "2", "JIA_SECRET_FILE", "s"}, "JIA_RANK is 1, but JIA_ROOT is not set: " + all},
		{[]string{"JIA_RANK", "1", "JIA_SIZE", "2", "JIA_ROOT", "a:1"}, "JIA_RANK is 1, but JIA_SECRET_FILE is not set: " + all},
		{[]string{"JIA_NPROC", "0"}, `JIA_NPROC is "0", but must be a whole number from 1 to 1024, or to 65536 with JIA_HOSTS: ` +
			"correct it, or unset it for the default, 1"},
		{[]string{"JIA_STATS", "2"}, `JIA_STATS is "2", but must be 0, 1 or the name of a file that ends in .json: ` +
			"correct it, or unset it for the default, 0"},
		{[]string{"JIA_ROOT", "a"}, `JIA_ROOT is "a", but must be host:port, with an IPv6 address in brackets and a port from 1 to 65535: ` +
			"correct it, or unset it"},
	}
	for _, test := range tests {
		if _, err := conf.Load(environment(test.env...)); err == nil || err.Error() != test.want {
			t.Errorf("%q:\n got %v\nwant %s", test.env, err, test.want)
		}
	}
}
