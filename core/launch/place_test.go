package launch

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMakePlan(t *testing.T) {
	machines := []Machine{
		{Name: "localhost", Hosts: 2}, {Name: "240.0.0.1", Hosts: 1}, {Name: "240.0.0.1", Hosts: 1}, {Name: "127.0.0.1", User: "x", Hosts: 1},
		{Name: "240.0.0.1", User: "fei", Hosts: 1}, {Name: "240.0.0.2", Hosts: 2}, {Name: "240.0.0.1", Hosts: 1},
	}
	got, err := makePlan(Options{Machines: machines})
	if err != nil {
		t.Fatal(err)
	}
	want := []site{
		{Name: "localhost", Ranks: []int{0, 1, 4}},
		{Name: "240.0.0.1", Ranks: []int{2, 3, 8}},
		{Name: "240.0.0.1", User: "fei", Ranks: []int{5}},
		{Name: "240.0.0.2", Ranks: []int{6, 7}},
	}
	if diff := cmp.Diff(want, got.Sites); diff != "" {
		t.Error(diff)
	}
	if len(got.SSH) != 1 || got.SSH[0] != "ssh" {
		t.Errorf("reached by %q", got.SSH)
	}
}

func TestMakePlanRefuses(t *testing.T) {
	here := Machine{Name: "localhost", Hosts: 1}
	tests := []struct {
		name     string
		machines []Machine
		want     string
	}{
		{"nothing", nil, "empty"},
		{"another machine first", []Machine{{Name: "240.0.0.1", Hosts: 1}, here}, "put this machine first"},
		{"no host", []Machine{{Name: "localhost"}}, "0 hosts on localhost"},
		{"fewer than none", []Machine{here, {Name: "240.0.0.1", Hosts: -1}}, "-1 hosts on 240.0.0.1"},
		{"more than a machine runs", []Machine{here, {Name: "240.0.0.1", Hosts: 1025}}, "1025 hosts on 240.0.0.1"},
		{"more than a job has", []Machine{here, {Name: "240.0.0.1", Hosts: 1 << 16}}, "65536 hosts on 240.0.0.1"},
		{"a name with a newline", []Machine{here, {Name: "240.0.0.1\n", Hosts: 1}}, "no machine"},
		{"a user with a space", []Machine{here, {Name: "240.0.0.1", User: "a b", Hosts: 1}}, "no machine"},
	}
	for _, test := range tests {
		if p, err := makePlan(Options{Machines: test.machines}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %+v, %v", test.name, p, err)
		}
	}
}

func TestSSHArguments(t *testing.T) {
	args := sshArguments([]string{"ssh", "-F", "my config"}, &site{Name: "-node", User: "fei"}, 0)
	tail := []string{"-l", "fei", "--", "-node", loginCommand}
	if diff := cmp.Diff(append([]string{"ssh", "-F", "my config"}, tail...), append(args[:3:3], args[len(args)-5:]...)); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(strings.Join(args, " "), "SECRET") || len(args[len(args)-1]) > 100 {
		t.Errorf("%q", args)
	}
}
