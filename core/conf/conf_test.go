package conf_test

import (
	"errors"
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
	return conf.Settings{NProc: 1, Fault: conf.FaultAuto, RegionSize: 1 << 40, Spin: conf.SpinAuto}
}

func TestLoad(t *testing.T) {
	tests := []struct {
		name string
		env  []string
		want func(*conf.Settings)
	}{
		{"an empty environment gives the defaults", nil, func(*conf.Settings) {}},
		{"a variable set to nothing counts as unset", []string{"JIA_NPROC", ""}, func(*conf.Settings) {}},
		{"processes", []string{"JIA_NPROC", "4"}, func(s *conf.Settings) { s.NProc = 4 }},
		{"as many processes as allowed", []string{"JIA_NPROC", "1024"}, func(s *conf.Settings) { s.NProc = 1024 }},
		{"userfaultfd alone", []string{"JIA_FAULT", "uffd"}, func(s *conf.Settings) { s.Fault = conf.FaultUffd }},
		{"page protection", []string{"JIA_FAULT", "mprotect"}, func(s *conf.Settings) { s.Fault = conf.FaultMprotect }},
		{"region in gigabytes", []string{"JIA_REGION_SIZE", "64G"}, func(s *conf.Settings) { s.RegionSize = 64 << 30 }},
		{"region in small letters", []string{"JIA_REGION_SIZE", "64g"}, func(s *conf.Settings) { s.RegionSize = 64 << 30 }},
		{"the smallest region, in bytes", []string{"JIA_REGION_SIZE", "1048576"}, func(s *conf.Settings) { s.RegionSize = 1 << 20 }},
		{"the largest region", []string{"JIA_REGION_SIZE", "64T"}, func(s *conf.Settings) { s.RegionSize = 64 << 40 }},
		{"no spinning", []string{"JIA_SPIN", "off"}, func(s *conf.Settings) { s.Spin = conf.SpinOff }},
		{"several at once", []string{"JIA_SPIN", "on", "JIA_NPROC", "2"},
			func(s *conf.Settings) { s.Spin = conf.SpinOn; s.NProc = 2 }},
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
		{"a mode of spinning nobody knows", "JIA_SPIN", "yes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := conf.Load(environment(test.env, test.value))
			var bad *conf.ValueError
			if !errors.As(err, &bad) {
				t.Fatalf("error %v, want a ValueError", err)
			}
			for _, part := range []string{test.env, test.value, "unset it"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
			if got != (conf.Settings{}) {
				t.Errorf("settings %+v beside an error", got)
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
		if row.Name == "" || row.Type == "" || row.Default == "" || row.Meaning == "" {
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
