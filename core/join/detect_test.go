package join

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"jiajia/core/conf"
)

// environment makes a getenv of pairs of name and value.
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

// secretFile makes a file of n bytes.
func secretFile(t *testing.T, n int, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(strings.Repeat("s", n)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDetect(t *testing.T) {
	sockets, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(sockets[0])
	defer unix.Close(sockets[1])
	socket := fmt.Sprint(sockets[0])
	step := []string{"SLURM_JOB_ID", "7", "SLURM_STEP_ID", "0", "SLURM_PROCID", "2", "SLURM_STEP_NUM_TASKS", "4",
		"SLURM_STEP_NUM_NODES", "2", "SLURM_STEP_NODELIST", "n[03-04]"}
	file := secretFile(t, 32, 0o600)
	for _, test := range []struct {
		name string
		s    conf.Settings
		env  []string
		want string // launcher, rank and size; "" for none
	}{
		{"nothing", conf.Settings{Rank: -1}, nil, ""},
		{"by hand", conf.Settings{Rank: 1, Size: 3, Root: "a:1", SecretFile: file}, nil, "JIA_RANK 1/3"},
		{"by hand, inside a step", conf.Settings{Rank: 1, Size: 3, Root: "a:1", SecretFile: file}, step, "JIA_RANK 1/3"},
		{"by hand, alone, inside a step", conf.Settings{Rank: 0, Size: 1}, step, ""},
		{"a step", conf.Settings{SecretFile: file}, step, "srun 2/4"},
		{"a step of one task", conf.Settings{SecretFile: file}, append([]string{"SLURM_STEP_NUM_TASKS", "1", "SLURM_PROCID", "0"}, step...), ""},
		{"a shell that is a step", conf.Settings{SecretFile: file}, append([]string{"SLURM_PTY_PORT", "99", "SLURM_TASK_PID", "1"}, step...), ""},
		{"a batch script", conf.Settings{}, []string{"SLURM_JOB_ID", "7", "SLURM_PROCID", "0", "SLURM_NTASKS", "4", "SLURM_NPROCS", "4"}, ""},
		{"mpiexec", conf.Settings{}, []string{"PMI_FD", socket, "PMI_RANK", "3", "PMI_SIZE", "4"}, "mpiexec (PMI) 3/4"},
		{"mpiexec -n 1", conf.Settings{}, []string{"PMI_FD", socket, "PMI_RANK", "0", "PMI_SIZE", "1"}, ""},
		{"a child of mpiexec's process", conf.Settings{}, []string{"PMI_FD", "999", "PMI_RANK", "3", "PMI_SIZE", "4"}, ""},
		{"a child of a host in a step", conf.Settings{SecretFile: file}, append([]string{envJoined, "PMIX_NAMESPACE,,;SLURM_JOB_ID,7,0,2"}, step...), ""},
		{"a child of a host of another rank", conf.Settings{SecretFile: file}, append([]string{envJoined, "PMIX_NAMESPACE,,;SLURM_JOB_ID,7,0,1"}, step...), "srun 2/4"},
		{"mpiexec, called by a host in a step", conf.Settings{},
			append([]string{envJoined, "PMIX_NAMESPACE,,;SLURM_JOB_ID,7,0,2", "PMI_FD", socket, "PMI_RANK", "3", "PMI_SIZE", "4",
				"HYDI_CONTROL_FD", "9"}, step...), "mpiexec (PMI) 3/4"},
		{"mpiexec, called by a host of mpirun", conf.Settings{}, []string{envJoined, "PMIX_NAMESPACE,x,1;SLURM_JOB_ID,,,",
			"PMIX_RANK", "1", "PMIX_NAMESPACE", "x", "PMI_FD", socket, "PMI_RANK", "3", "PMI_SIZE", "4"}, "mpiexec (PMI) 3/4"},
		{"by hand, called by a host in a step", conf.Settings{Rank: 1, Size: 3, Root: "a:1", SecretFile: file},
			append([]string{envJoined, "PMIX_NAMESPACE,,;SLURM_JOB_ID,7,0,2"}, step...), "JIA_RANK 1/3"},
		{"a child of a host of mpirun", conf.Settings{}, []string{envJoined, "PMIX_NAMESPACE,x,1;SLURM_JOB_ID,,,", "PMIX_RANK", "1", "PMIX_NAMESPACE", "x"}, ""},
		{"mpirun -n 1", conf.Settings{}, []string{"PMIX_RANK", "0", "PMIX_NAMESPACE", "x", "OMPI_COMM_WORLD_SIZE", "1"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			l, err := Detect(test.s, environment(test.env...))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if l != nil {
				got = fmt.Sprintf("%s %d/%d", l.Launcher, l.Rank, l.Size)
			}
			if got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func TestSecretFile(t *testing.T) {
	for _, test := range []struct {
		name  string
		bytes int
		mode  os.FileMode
		want  string // in the error; "" for none
	}{
		{"private", 16, 0o600, ""},
		{"read-only, of a group", 32, 0o440, ""},
		{"readable by all", 32, 0o644, "chmod 600"},
		{"writable by a group", 32, 0o660, "chmod 600"},
		{"too short", 15, 0o600, "from 16 to"},
		{"too long", maxSecretFile + 1, 0o600, "from 16 to"},
	} {
		t.Run(test.name, func(t *testing.T) {
			secret, err := secretFromFile(secretFile(t, test.bytes, test.mode))
			if test.want == "" && (err != nil || len(secret) != secretSize) {
				t.Errorf("%d bytes, %v", len(secret), err)
			}
			if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
	pipe := filepath.Join(t.TempDir(), "pipe") // nobody writes to it
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/nonexistent", t.TempDir(), pipe} {
		if _, err := secretFromFile(path); err == nil {
			t.Errorf("%s was taken for a secret", path)
		}
	}
}

func TestFirstNode(t *testing.T) {
	for list, want := range map[string]string{
		"vm": "vm", "a,b": "a", "n[001-004,7],x": "n001", "rack[1-2]node[007,9]s,login": "rack1node007s", "n[5]": "n5",
		"": "", "n[": "", "n[]": "", "n]": "", ",a": "",
	} {
		if got := firstNode(list); got != want {
			t.Errorf("%q: %q, want %q", list, got, want)
		}
	}
}

func FuzzFirstNode(f *testing.F) {
	f.Add("n[001-004,7],x")
	f.Fuzz(func(t *testing.T, list string) {
		if name := firstNode(list); strings.ContainsAny(name, ",[]") && !strings.Contains(list, "[") {
			t.Errorf("%q: %q", list, name)
		}
	})
}

func TestStale(t *testing.T) {
	for title, want := range map[string]bool{
		"slurmstepd: [7.0]": false, "slurmstepd: [7.batch]": true, "slurmstepd: [8.0]\x00\x00": true,
		"": false, "bash": false, "slurmstepd: [7": false, "other: [8.0]": false,
	} {
		if got := stale(title, "7.0"); got != want {
			t.Errorf("%q: %v", title, got)
		}
	}
}

func TestMungeSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "slurm.conf")
	if err := os.WriteFile(path, []byte("# AuthInfo=socket=/no\nClusterName=x\n authinfo = ttl=9,socket=/run/other\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := mungeSocket(path); got != "/run/other" {
		t.Errorf("%q", got)
	}
	if got := mungeSocket("/nonexistent"); got != "" {
		t.Errorf("%q", got)
	}
}

func TestPortOf(t *testing.T) {
	for job := range 1000 {
		if p := portOf(fmt.Sprintf("%d.0", job)); p < 20000 || p >= 30000 {
			t.Fatalf("port %d", p)
		}
	}
}
