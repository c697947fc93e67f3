package capacity

import (
	"testing"
	"testing/fstest"
)

func TestFind(t *testing.T) {
	const machine = "MemFree:  1 kB\nMemTotal:       24684032 kB\n"
	const all = 24684032 << 10
	for _, test := range []struct {
		name  string
		files map[string]string
		want  Memory
		ok    bool
	}{
		{"nothing is known", nil, Memory{}, false},
		{"a machine", map[string]string{"proc/meminfo": machine}, Memory{all, false}, true},
		{"a file of nonsense", map[string]string{"proc/meminfo": "MemTotal: x kB\n"}, Memory{}, false},
		{"no limit", map[string]string{"proc/meminfo": machine, "proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "max\n"},
			Memory{all, false}, true},
		{"a group", map[string]string{"proc/meminfo": machine, "proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "1048576\n"},
			Memory{1 << 20, true}, true},
		{"the group above", map[string]string{"proc/meminfo": machine, "proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "1048576\n",
			"sys/fs/cgroup/a/memory.max": "4096\n"}, Memory{4096, true}, true},
		{"a group that may have more than there is", map[string]string{"proc/meminfo": machine, "proc/self/cgroup": "0::/\n",
			"sys/fs/cgroup/memory.max": "99999999999999\n"}, Memory{all, false}, true},
		{"version 1", map[string]string{"proc/meminfo": machine, "proc/self/cgroup": "5:cpu,memory:/x\n0::/\n",
			"sys/fs/cgroup/memory/x/memory.limit_in_bytes": "8192\n"}, Memory{8192, true}, true},
		{"version 1 without a limit", map[string]string{"proc/meminfo": machine, "proc/self/cgroup": "5:memory:/x\n",
			"sys/fs/cgroup/memory/x/memory.limit_in_bytes": "9223372036854771712\n"}, Memory{all, false}, true},
		{"a container's path of outside", map[string]string{"proc/meminfo": machine, "proc/self/cgroup": "5:memory:/docker/x\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "8192\n"}, Memory{8192, true}, true},
		{"only a group is known", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "8192\n"}, Memory{8192, true}, true},
		{"broken lines", map[string]string{"proc/meminfo": machine, "proc/self/cgroup": "0:\n\n::\n0::../../..\n"}, Memory{all, false}, true},
	} {
		root := fstest.MapFS{}
		for name, text := range test.files {
			root[name] = &fstest.MapFile{Data: []byte(text)}
		}
		if got, ok := FindIn(root); got != test.want || ok != test.ok {
			t.Errorf("%s: %+v, %v, want %+v, %v", test.name, got, ok, test.want, test.ok)
		}
	}
}

func TestSize(t *testing.T) {
	for bytes, want := range map[uint64]string{0: "0 bytes", 1000: "1000 bytes", 64 << 10: "64 KiB", 1 << 40: "1 TiB", 24684032 << 10: "23.5 GiB", 1 << 62: "4194304 TiB"} {
		if got := Size(bytes); got != want {
			t.Errorf("%d bytes are %s, want %s", bytes, got, want)
		}
	}
}

func TestThisMachine(t *testing.T) {
	if m, ok := Find(); !ok || m.Bytes < 1<<20 {
		t.Errorf("this machine has %+v, %v", m, ok)
	}
}
