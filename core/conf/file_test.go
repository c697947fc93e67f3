package conf_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"jiajia/core/conf"
)

func TestLoadFile(t *testing.T) {
	tests := []struct {
		name, text string
		env        []string
		want       func(*conf.Settings)
		warnings   []string
	}{
		{name: "an empty file", want: func(*conf.Settings) {}},
		{name: "settings, comments and blank lines",
			text: "# of the group\n\n nproc=3 # three\n\tlog =  debug\nhosts = my hosts\n",
			want: func(s *conf.Settings) { s.NProc, s.Log, s.Hosts = 3, conf.LogDebug, "my hosts" }},
		{name: "no end of the last line", text: "spin = off", want: func(s *conf.Settings) { s.Spin = conf.SpinOff }},
		{name: "a file of another system", text: "\uFEFFspin = off\r\n\r\nlog = info\r\n",
			want: func(s *conf.Settings) { s.Spin, s.Log = conf.SpinOff, conf.LogInfo }},
		{name: "the environment wins", text: "nproc = 3\nlog = debug", env: []string{"JIA_NPROC", "2"},
			want: func(s *conf.Settings) { s.NProc, s.NProcSet, s.Log = 2, true, conf.LogDebug }},
		{name: "a variable set to nothing does not", text: "nproc = 3", env: []string{"JIA_NPROC", ""},
			want: func(s *conf.Settings) { s.NProc = 3 }},
		{name: "a bad value that is not in force", text: "comm_type = pigeon", env: []string{"JIA_COMM_TYPE", "tcp"},
			want: func(s *conf.Settings) { s.Comm = conf.CommTCP }},
		{name: "no value is the default", text: "spin =", want: func(*conf.Settings) {}},
		{name: "as many processes as a hosts file may have", text: "nproc = 2000\nhosts = h",
			want: func(s *conf.Settings) { s.NProc, s.Hosts = 2000, "h" }},
		{name: "a key twice", text: "nproc = 3\nlog = info\nnproc = 4",
			want:     func(s *conf.Settings) { s.NProc, s.Log = 4, conf.LogInfo },
			warnings: []string{"f:3: nproc is set in line 1 already; this line counts: remove one of them"}},
		{name: "an old file", text: "system_mode = hybrid\ncomm_type = udp\nglobal_start_addr = 0x400000000000\nmsg_buffer_size = 40960\n" +
			"msg_queue_size = 32\nprefetch = off\nprefetch_pages = 4\nmax_checking_pages = 128\n",
			want: func(s *conf.Settings) { s.Comm, s.Prefetch = conf.CommTCP, 0 },
			warnings: []string{"f: system_mode, global_start_addr, msg_buffer_size, msg_queue_size, prefetch_pages, " +
				"max_checking_pages: without meaning in this version, and ignored; the lines can be removed"}},
		{name: "checkpoints that have no place", text: "ckpt_interval = 60",
			want:     func(s *conf.Settings) { s.CkptInterval = 60 },
			warnings: []string{"JIA_CKPT_INTERVAL has no effect without a place for checkpoints: name a directory with JIA_CKPT_DIR"}},
		{name: "checkpoints that have one", text: "ckpt_interval = 60", env: []string{"JIA_CKPT_DIR", "d"},
			want: func(s *conf.Settings) { s.CkptInterval, s.CkptDir = 60, "d" }},
		{name: "keys that are not known", text: "nprocs = 3\ncolour = red\n\nJIA_LOG = info\nprefecth = on\nrnk = 3",
			want: func(*conf.Settings) {},
			warnings: []string{
				`f:1: "nprocs" is not a setting and has no effect; did you mean nproc?`,
				`f:2: "colour" is not a setting and has no effect`,
				`f:4: "JIA_LOG" is not a setting and has no effect; did you mean log?`,
				`f:5: "prefecth" is not a setting and has no effect; did you mean prefetch?`,
				`f:6: "rnk" is not a setting and has no effect`,
			}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want := defaults()
			test.want(&want)
			got, warnings, err := conf.LoadFile(environment(test.env...), "f", []byte(test.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.warnings, warnings); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLoadFileRefuses(t *testing.T) {
	syntax := func(line, found string) string {
		return "f:" + line + ": found " + found + `, expected "key = value", such as "nproc = 4": correct the line, or put # in front of it`
	}
	tests := []struct{ text, want string }{
		{"\n# x\nnproc 4", syntax("3", `"nproc 4"`)},
		{"= 4", syntax("1", `"= 4"`)},
		{"my key = 4", syntax("1", `"my key = 4"`)},
		{"n\x00 = 4", syntax("1", `"n\x00 = 4"`)},
		{strings.Repeat("x", 100), syntax("1", `"`+strings.Repeat("x", 64)+`..."`)},
		{"log = info\r\nnproc = four", `f:2: nproc is "four", but must be a whole number from 1 to 1024, or to 65536 with JIA_HOSTS: ` +
			"correct the line, or remove it for the default, 1"},
		{"nproc = 1025", `f:1: nproc is "1025", but must be a whole number from 1 to 1024, or to 65536 with JIA_HOSTS: ` +
			"correct the line, or remove it for the default, 1"},
		{"network = a/b", `f:1: network is "a/b", but must be the name of an interface, an address, or a subnet such as 10.1.0.0/16: ` +
			"correct the line, or remove it"},
		{"shm = maybe", `f:1: shm is "maybe", but must be on or off (1 and 0 are read as these): correct the line, or remove it for the default, on`},
		{"rank = 0", "f:1: rank can be set only in the environment, as JIA_RANK: remove the line"},
		{"size = 2", "f:1: size can be set only in the environment, as JIA_SIZE: remove the line"},
		{"root = a:1", "f:1: root can be set only in the environment, as JIA_ROOT: remove the line"},
		{"secret_file = x", "f:1: secret_file can be set only in the environment, as JIA_SECRET_FILE: remove the line"},
		{"ssh = evil", "f:1: ssh can be set only in the environment, as JIA_SSH: remove the line"},
	}
	for _, test := range tests {
		_, warnings, err := conf.LoadFile(environment(), "f", []byte(test.text))
		if err == nil || err.Error() != test.want || warnings != nil {
			t.Errorf("%q:\n got %v, %q\nwant %s", test.text, err, warnings, test.want)
		}
	}
}

// FuzzLoadFile: any bytes lead to an error of one line, or to settings that a host elsewhere gets exactly.
func FuzzLoadFile(f *testing.F) {
	for _, text := range []string{"", "nproc = 4 # x\n", "\uFEFFhosts=h\r\n", "prefetch = on\nnprocs = 2", "export = A,B\nregion_size=3M",
		"stats = a.json\nlog = info\nnetwork = 10.0.0.0/8", "tag_output = on\nnproc", "\uFFFD", "nproc = 2000\nhosts = x\ncomm_type = udp"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, warnings, err := conf.LoadFile(environment(), "f", text)
		if err != nil {
			oneLine(t, err.Error(), "f:")
			if diff := cmp.Diff(conf.Settings{}, s); diff != "" || warnings != nil {
				t.Fatalf("beside an error: %s, %q", diff, warnings)
			}
			return
		}
		for _, w := range warnings {
			oneLine(t, w, "f:")
		}
		elsewhere(t, s)
	})
}

// oneLine demands that a message is one printable line that begins with a place and can be read at a glance.
func oneLine(t *testing.T, message, place string) {
	t.Helper()
	bad := func(r rune) bool { return r < ' ' || r == 0x7f }
	if !utf8.ValidString(message) || strings.ContainsFunc(message, bad) || !strings.HasPrefix(message, place) || len(message) > 600 {
		t.Fatalf("message %q", message)
	}
}

// elsewhere demands that a host which has only s.Environ has the same settings.
func elsewhere(t *testing.T, s conf.Settings) {
	t.Helper()
	var pairs []string
	for _, item := range s.Environ() {
		name, value, _ := strings.Cut(item, "=")
		pairs = append(pairs, name, value)
	}
	got, err := conf.Load(environment(pairs...))
	if err != nil {
		t.Fatal(err)
	}
	got.NProcSet = s.NProcSet
	if diff := cmp.Diff(s, got); diff != "" {
		t.Fatal(diff)
	}
}

func TestEnviron(t *testing.T) {
	if env := defaults().Environ(); len(env) != 0 {
		t.Errorf("defaults: %q", env)
	}
	s, _, err := conf.LoadFile(environment("JIA_SSH", "my  ssh -v", "JIA_RANK", "0", "JIA_SIZE", "2", "JIA_ROOT", "h:1", "JIA_SECRET_FILE", "f"), "f",
		[]byte("nproc = 3\nhosts = a b\nnetwork = lo\ncomm_type = udp\nshm = off\nexport = A, B\ntag_output = on\nstats = x.json\nlog = error\n"+
			"region_size = 6291456\npage_size = 65536\nfault = uffd\nspin = on\nprefetch = 7\ncache_size = 262144\npool_check = 1\n"+
			"ckpt_dir = /c\nckpt_interval = 60\nckpt_keep = 3\nckpt_full = 5\nckpt_compress = 1\nrestore = /c:7\npeer_timeout = 500\non_failure = restart\nmax_restarts = 9\nrestart_hosts = fewer\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"JIA_NPROC=3", "JIA_HOSTS=a b", "JIA_NETWORK=lo", "JIA_COMM_TYPE=tcp", "JIA_SHM=off", "JIA_SSH=my ssh -v", "JIA_EXPORT=A,B",
		"JIA_TAG_OUTPUT=on", "JIA_STATS=x.json", "JIA_LOG=error", "JIA_REGION_SIZE=6M", "JIA_PAGE_SIZE=64K", "JIA_FAULT=uffd", "JIA_SPIN=on", "JIA_PREFETCH=7",
		"JIA_POOL_CHECK=on", "JIA_CACHE_SIZE=256K", "JIA_CKPT_DIR=/c", "JIA_CKPT_INTERVAL=60", "JIA_CKPT_KEEP=3", "JIA_CKPT_FULL=5",
		"JIA_CKPT_COMPRESS=on", "JIA_RESTORE=/c:7", "JIA_PEER_TIMEOUT=500", "JIA_ON_FAILURE=restart", "JIA_MAX_RESTARTS=9", "JIA_RESTART_HOSTS=fewer", "JIA_RANK=0", "JIA_SIZE=2", "JIA_ROOT=h:1", "JIA_SECRET_FILE=f"}
	if diff := cmp.Diff(want, s.Environ()); diff != "" {
		t.Error(diff)
	}
	if len(want) != len(conf.Table) {
		t.Errorf("%d settings of %d", len(want), len(conf.Table))
	}
	elsewhere(t, s)
}

func TestUnknown(t *testing.T) {
	got := conf.Unknown([]string{"PATH=/bin", "JIA_NPROC=2", "JIA_NPROCS=2", "JIA_CONTROL=3,4", "JIA_AGENT=1", "JIA_DATA=x", "JIA_log=1",
		"JIA_=", "JIA_ROTO", "jia_x=1", "JIA_" + strings.Repeat("A\n", 500) + "="})
	want := []string{
		`"JIA_NPROCS" in the environment is not a setting and has no effect; did you mean JIA_NPROC?`,
		`"JIA_DATA" in the environment is not a setting and has no effect`,
		`"JIA_log" in the environment is not a setting and has no effect; did you mean JIA_LOG?`,
		`"JIA_" in the environment is not a setting and has no effect`,
		`"JIA_ROTO" in the environment is not a setting and has no effect; did you mean JIA_ROOT?`,
		`"JIA_` + strings.Repeat(`A\n`, 30) + `..." in the environment is not a setting and has no effect`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
