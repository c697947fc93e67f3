// Package conf knows the settings of a job: their names, where they come from, what they mean and what they may be; and
// the hosts file, which says where the processes run.
//
// There is one table, Table, which everything here reads, so a setting is added in one place. Load, LoadFile and
// ParseHosts are pure functions of what they are given; only Read and ReadHosts look at files. Nothing here has state,
// and everything may be called from any thread.
package conf

import (
	"fmt"
	"strconv"
	"strings"
)

// Limits on processes.
const (
	MaxLocalHosts = 1024  // that one machine is asked to run for a job
	MaxHosts      = 65536 // of a job
)

// Limits of the shared region, in bytes. The region is reserved address space: memory follows what is touched.
const (
	MinRegionSize = 1 << 20  // 1 MiB
	MaxRegionSize = 64 << 40 // 64 TiB: what fits between the fixed address and the end of user space
)

// Limits of the coherence page, in bytes.
const (
	MinPageSize = 4 << 10
	MaxPageSize = 2 << 20
)

// Limits of Settings.Prefetch when read-ahead is on, in pages. The upper one is what auto means.
const (
	MinPrefetch = 2
	MaxPrefetch = 128
)

// MaxSeconds is the longest interval between checkpoints.
const MaxSeconds = 1 << 30

// A Fault selects how accesses to absent pages are caught.
type Fault string

// The values of JIA_FAULT.
const (
	FaultAuto     Fault = "auto"     // userfaultfd where the kernel lets us, otherwise mprotect
	FaultUffd     Fault = "uffd"     // userfaultfd or an error
	FaultMprotect Fault = "mprotect" // page protection and SIGSEGV
)

// A Spin says whether a waiting thread looks for its answer for some microseconds before it sleeps.
type Spin string

// The values of JIA_SPIN.
const (
	SpinAuto Spin = "auto" // when the machine has processors to spare
	SpinOn   Spin = "on"
	SpinOff  Spin = "off"
)

// A Comm selects the transport between hosts.
type Comm string

// The values of JIA_COMM_TYPE that Settings can have; udp is read as CommTCP.
const (
	CommAuto Comm = "auto" // for each pair of hosts the fastest that works
	CommTCP  Comm = "tcp"  // for all
	CommRDMA Comm = "rdma" // for all, or an error
)

// A Log is how much the library says about itself.
type Log string

// The values of JIA_LOG. Each includes those before it.
const (
	LogError Log = "error"
	LogWarn  Log = "warn"
	LogInfo  Log = "info"
	LogDebug Log = "debug"
)

// A Stats says where the statistics go at exit: StatsOff, StatsTable, or a file, whose name ends in ".json".
type Stats string

// The values of JIA_STATS that are no file.
const (
	StatsOff   Stats = "0"
	StatsTable Stats = "1" // to standard error
)

// A Failure says what follows the loss of a host.
type Failure string

// The values of JIA_ON_FAILURE.
const (
	FailureFail    Failure = "fail"    // the job ends
	FailureRestart Failure = "restart" // it is started again from its last checkpoint
)

// A Restart says with how many hosts a job is started again.
type Restart string

// The values of JIA_RESTART_HOSTS.
const (
	RestartSame  Restart = "same"  // as many as before: on the same machines, or with a spare one in place of one that does not answer
	RestartFewer Restart = "fewer" // those of the machines that answer
)

// Settings are the values in force. A Settings that came without an error is valid in every field.
type Settings struct {
	NProc    int  // processes, 1 to MaxLocalHosts, or to MaxHosts when Hosts is set; 1 when nothing is set
	NProcSet bool // JIA_NPROC is in the environment; then it wins over a hosts file that was only found

	Hosts   string // path of a hosts file; "": HostsFile in the working directory if there is one
	Network string // interface name, address or subnet that the hosts talk over; "": chosen
	Comm    Comm   // one of the Comm constants
	SHM     bool   // with CommAuto, hosts of one machine use memory that they share

	SSH       []string // command and first arguments that reach another machine, at least one word
	Export    []string // names of environment variables that hosts on other machines get too; none is the library's
	TagOutput bool     // begin every line of output with the host's number

	// What another launcher says. Rank is -1 and Size 0 unless both are set; then 0 <= Rank < Size <= MaxHosts, and
	// Root and SecretFile are set if Size is above 1. The latter two may be set alone.
	Rank, Size int
	Root       string // "host:port", an IPv6 address in brackets; where the hosts meet; "": not set
	SecretFile string // path; "": not set

	Fault      Fault  // one of the Fault constants
	RegionSize uint64 // bytes, a multiple of 4096, from MinRegionSize to MaxRegionSize
	PageSize   int    // bytes of a coherence page, a power of two from MinPageSize to MaxPageSize
	Spin       Spin   // one of the Spin constants
	Prefetch   int    // pages that one access may bring at once, from MinPrefetch to MaxPrefetch; 0: only the one that it needs
	PoolCheck  bool   // objects of pools are guarded

	CacheSize uint64 // bytes that a host spends on pages of others; 0: a share of the machine's memory

	CkptDir      string // directory of checkpoints; "": there are none
	CkptInterval int    // seconds from one to the next that the library takes by itself; 0: the program asks for them
	CkptKeep     int    // complete generations that are kept, at least 1
	CkptFull     int    // every which generation is full; 1: all
	CkptCompress bool   // pages are compressed
	Restore      string // "", or where to begin from: "DIR" or "DIR:N"

	PeerTimeout  int     // milliseconds of silence after which another host is held to be lost; 0: never
	OnFailure    Failure // one of the Failure constants
	MaxRestarts  int     // how often a job is started again
	RestartHosts Restart // one of the Restart constants

	Stats Stats
	Log   Log // one of the Log constants
}

// A Setting is one row of Table.
type Setting struct {
	Name    string // the key in a ConfFile, such as "region_size"
	Env     string // the environment variable, such as "JIA_REGION_SIZE"
	Type    string // what a value looks like, in words
	Default string // the value in force when nothing or the empty text is set; "" when there is none
	Unset   string // what happens then, in words; "" when Default says it
	Meaning string // one sentence
	EnvOnly bool   // a ConfFile must not set it

	access
}

// Value returns the setting's value in s as it could be written in the environment; of one without a default it is equal
// in all Settings in which it was not set.
func (row *Setting) Value(s Settings) string { return row.get(&s) }

// Table lists every setting, in the order in which the documentation shows them.
var Table = []Setting{
	{
		Name: "nproc", Env: "JIA_NPROC", Default: "1",
		Type: fmt.Sprintf("a whole number from 1 to %d, or to %d with JIA_HOSTS", MaxLocalHosts, MaxHosts),
		Meaning: "how many processes of the program run on this machine; the started one is host 0; " +
			"with JIA_HOSTS: how many of that file's places are used, from the first on",
		access: number(func(s *Settings) *int { return &s.NProc }, 1, MaxHosts),
	},
	{
		Name: "hosts", Env: "JIA_HOSTS", Unset: HostsFile + " in the working directory, if there is one",
		Type:    "the path of a hosts file",
		Meaning: "the file that says on which machines the processes run",
		access:  text(func(s *Settings) *string { return &s.Hosts }, printable),
	},
	{
		Name: "network", Env: "JIA_NETWORK", Unset: "chosen by the library",
		Type:    "the name of an interface, an address, or a subnet such as 10.1.0.0/16",
		Meaning: "what the hosts talk to each other over, on machines with more than one network",
		access:  text(func(s *Settings) *string { return &s.Network }, isNetwork),
	},
	{
		Name: "comm_type", Env: "JIA_COMM_TYPE", Default: string(CommAuto),
		Type: "auto, tcp or rdma (udp is read as tcp)",
		Meaning: "the transport between hosts: TCP for all of them, RDMA for all or an error, or for each pair the first that works of shared memory " +
			"(on one machine), RDMA and TCP",
		access: access{set: setComm, get: func(s *Settings) string { return string(s.Comm) }},
	},
	{
		Name: "shm", Env: "JIA_SHM", Default: "on",
		Type:    "on or off (1 and 0 are read as these)",
		Meaning: "whether hosts of one machine and user talk through shared memory when comm_type is auto",
		access:  onOff(func(s *Settings) *bool { return &s.SHM }, "1", "0"),
	},
	{
		Name: "ssh", Env: "JIA_SSH", Default: "ssh", EnvOnly: true,
		Type:    "a command, its words separated by spaces",
		Meaning: "the command that reaches other machines; it is called as ssh is",
		access:  access{set: setSSH, get: func(s *Settings) string { return strings.Join(s.SSH, " ") }},
	},
	{
		Name: "export", Env: "JIA_EXPORT", Unset: "none",
		Type:    "names of environment variables, separated by commas, none of which begins with JIA_",
		Meaning: "variables of the environment that hosts on other machines get too",
		access:  access{set: setExport, get: func(s *Settings) string { return strings.Join(s.Export, ",") }},
	},
	{
		Name: "tag_output", Env: "JIA_TAG_OUTPUT", Default: "off",
		Type:    "on or off",
		Meaning: "whether every line of output begins with the number of the host that wrote it",
		access:  onOff(func(s *Settings) *bool { return &s.TagOutput }, "on", "off"),
	},
	{
		Name: "stats", Env: "JIA_STATS", Default: string(StatsOff),
		Type:    "0, 1 or the name of a file that ends in .json",
		Meaning: "statistics at exit: none, a table on standard error, or the same as JSON in a file",
		access:  text(func(s *Settings) *Stats { return &s.Stats }, isStats),
	},
	{
		Name: "log", Env: "JIA_LOG", Default: string(LogWarn),
		Type:    "error, warn, info or debug",
		Meaning: "what the library says about itself on standard error; each level includes those before it",
		access:  word(func(s *Settings) *Log { return &s.Log }, LogError, LogWarn, LogInfo, LogDebug),
	},
	{
		Name: "region_size", Env: "JIA_REGION_SIZE", Default: "1T",
		Type: "bytes, a multiple of 4096, with K, M, G or T for powers of 1024, from 1M to 64T",
		Meaning: "address space reserved for shared memory on every host; no memory is used until it is touched; " +
			"above about 20T the program must be linked with -no-pie",
		access: access{set: setRegionSize, get: func(s *Settings) string { return formatBytes(s.RegionSize) }},
	},
	{
		Name: "page_size", Env: "JIA_PAGE_SIZE", Default: "4K",
		Type: "bytes, a power of two, with K or M for powers of 1024, from 4K to 2M",
		Meaning: "what is kept coherent, fetched and given a home as a whole, the same on every host; large pages are for programs that " +
			"stream through their data",
		access: access{set: setPageSize, get: func(s *Settings) string { return formatBytes(uint64(s.PageSize)) }},
	},
	{
		Name: "fault", Env: "JIA_FAULT", Default: string(FaultAuto),
		Type:    "auto, uffd or mprotect",
		Meaning: "how accesses to absent pages are caught: by userfaultfd, by page protection, or by the better that works",
		access:  word(func(s *Settings) *Fault { return &s.Fault }, FaultAuto, FaultUffd, FaultMprotect),
	},
	{
		Name: "spin", Env: "JIA_SPIN", Default: string(SpinAuto),
		Type:    "auto, on or off",
		Meaning: "whether a waiting thread spins for some microseconds before it sleeps",
		access:  word(func(s *Settings) *Spin { return &s.Spin }, SpinAuto, SpinOn, SpinOff),
	},
	{
		Name: "prefetch", Env: "JIA_PREFETCH", Default: "auto",
		Type: fmt.Sprintf("auto, off, or a whole number from %d to %d (on is read as auto)", MinPrefetch, MaxPrefetch),
		Meaning: fmt.Sprintf("how many pages this host fetches at once, at most, where accesses follow each other in order; auto is %d",
			MaxPrefetch),
		access: access{set: setPrefetch, get: func(s *Settings) string { return formatPrefetch(s.Prefetch) }},
	},
	{
		Name: "pool_check", Env: "JIA_POOL_CHECK", Default: "off",
		Type:    "on or off (1 and 0 are read as these)",
		Meaning: "whether objects of memory pools are guarded, so that writes past their ends are found when they are freed; it costs time and memory",
		access:  onOff(func(s *Settings) *bool { return &s.PoolCheck }, "1", "0"),
	}, {
		Name: "cache_size", Env: "JIA_CACHE_SIZE", Unset: "half of the memory of the machine, or of its control group, divided by the job's hosts there",
		Type:    "bytes, with K, M, G or T for powers of 1024, at least 16 pages",
		Meaning: "how much memory this host spends on pages of other hosts, at most; what it is the home of comes on top",
		access:  access{set: setCacheSize, get: func(s *Settings) string { return formatCacheSize(s.CacheSize) }},
	},
	{
		Name: "ckpt_dir", Env: "JIA_CKPT_DIR", Unset: "no checkpoints",
		Type:    "the path of a directory",
		Meaning: "where checkpoints of the shared memory go: a directory that all hosts see, or one on a disk of each machine; it is made if it is not there",
		access:  text(func(s *Settings) *string { return &s.CkptDir }, printable),
	},
	{
		Name: "ckpt_interval", Env: "JIA_CKPT_INTERVAL", Default: "0",
		Type:    fmt.Sprintf("a whole number of seconds from 0 to %d", MaxSeconds),
		Meaning: "how often a checkpoint is taken without the program's asking, by the first barrier after so many seconds; 0 is never",
		access:  number(func(s *Settings) *int { return &s.CkptInterval }, 0, MaxSeconds),
	},
	{
		Name: "ckpt_keep", Env: "JIA_CKPT_KEEP", Default: "2",
		Type:    "a whole number from 1 to 1000",
		Meaning: "how many complete checkpoints are kept, besides those that they build on",
		access:  number(func(s *Settings) *int { return &s.CkptKeep }, 1, 1000),
	},
	{
		Name: "ckpt_full", Env: "JIA_CKPT_FULL", Default: "10",
		Type:    "a whole number from 1 to 1000",
		Meaning: "every which checkpoint has all pages; the others have those that were written since the one before",
		access:  number(func(s *Settings) *int { return &s.CkptFull }, 1, 1000),
	},
	{
		Name: "ckpt_compress", Env: "JIA_CKPT_COMPRESS", Default: "off",
		Type:    "on or off (1 and 0 are read as these)",
		Meaning: "whether checkpoints are compressed, with zstd",
		access:  onOff(func(s *Settings) *bool { return &s.CkptCompress }, "1", "0"),
	},
	{
		Name: "restore", Env: "JIA_RESTORE", Unset: "a fresh start",
		Type:    "the path of a directory of checkpoints, with :N behind it for the one with number N",
		Meaning: "begin with the shared memory of a checkpoint, the newest complete one unless N says which",
		access:  text(func(s *Settings) *string { return &s.Restore }, printable),
	},
	{
		Name: "peer_timeout", Env: "JIA_PEER_TIMEOUT", Default: "10000",
		Type:    "a whole number of milliseconds, 0 or from 500 to 86400000",
		Meaning: "after what silence a host that hangs, or that the network does not reach, is held to be lost; one that dies is found out at once; 0 is never",
		access:  access{set: setPeerTimeout, get: func(s *Settings) string { return strconv.Itoa(s.PeerTimeout) }},
	},
	{
		Name: "on_failure", Env: "JIA_ON_FAILURE", Default: string(FailureFail),
		Type:    "fail or restart",
		Meaning: "what follows the loss of a host: the end of the job, or its start from the last complete checkpoint",
		access:  word(func(s *Settings) *Failure { return &s.OnFailure }, FailureFail, FailureRestart),
	},
	{
		Name: "max_restarts", Env: "JIA_MAX_RESTARTS", Default: "3",
		Type:    "a whole number from 0 to 1000000",
		Meaning: "how often a job is started again before its failure is final",
		access:  number(func(s *Settings) *int { return &s.MaxRestarts }, 0, 1000000),
	},
	{
		Name: "restart_hosts", Env: "JIA_RESTART_HOSTS", Default: string(RestartSame),
		Type:    "same or fewer",
		Meaning: "with how many hosts it is started again when a machine does not answer: as many, a spare machine of the hosts file in its place, or fewer",
		access:  word(func(s *Settings) *Restart { return &s.RestartHosts }, RestartSame, RestartFewer),
	},
	{
		Name: "rank", Env: "JIA_RANK", Unset: "not set", EnvOnly: true,
		Type:    fmt.Sprintf("a whole number from 0 to %d, below JIA_SIZE", MaxHosts-1),
		Meaning: "which host this process is, when something else starts every process of the job",
		access:  number(func(s *Settings) *int { return &s.Rank }, 0, MaxHosts-1),
	},
	{
		Name: "size", Env: "JIA_SIZE", Unset: "not set", EnvOnly: true,
		Type:    fmt.Sprintf("a whole number from 1 to %d", MaxHosts),
		Meaning: "how many processes the job has then",
		access:  number(func(s *Settings) *int { return &s.Size }, 1, MaxHosts),
	},
	{
		Name: "root", Env: "JIA_ROOT", Unset: "not set", EnvOnly: true,
		Type:    "host:port, with an IPv6 address in brackets and a port from 1 to 65535",
		Meaning: "where host 0 listens then, and the others find it",
		access:  text(func(s *Settings) *string { return &s.Root }, isHostPort),
	},
	{
		Name: "secret_file", Env: "JIA_SECRET_FILE", Unset: "not set", EnvOnly: true,
		Type:    "the path of a file",
		Meaning: "a file with the secret that keeps strangers out of the job then; the same on every host",
		access:  text(func(s *Settings) *string { return &s.SecretFile }, printable),
	},
}

// Legacy lists the keys that a ConfFile of an older system may have and that mean nothing today.
var Legacy = []LegacyKey{
	{"system_mode", "memory, computing power and both are always shared"},
	{"global_start_addr", "shared memory begins at 0x400000000000 on every host"},
	{"msg_buffer_size", "buffers grow as messages need them"},
	{"msg_queue_size", "queues grow as messages need them"},
	{"prefetch_pages", "`prefetch = N` limits what is fetched at once"},
	{"max_checking_pages", "there is nothing to adjust"},
}

// A LegacyKey is a key that is accepted, with any value, and has no effect.
type LegacyKey struct {
	Name string
	Now  string // what happens instead
}

// Internal lists the variables by which the library's own processes, and its tests, tell each other things, and those of other
// programs here. They are no settings of a job, and Unknown says nothing about them.
var Internal = []string{
	"JIA_SUPERVISOR",       // core/launch: this process is the supervisor
	"JIA_CONTROL",          // core/launch: this process is a host, with its connection to the supervisor
	"JIA_AGENT",            // core/launch: this process starts hosts on its machine for a supervisor elsewhere
	"JIA_KEEPER",           // core/keep: this process is a host that is started again when the job has lost one
	"JIA_LEFT_OUT",         // core/keep: machines of the hosts file that a restart does without
	"JIA_RESTORE_AFTER",    // core/keep: the newest checkpoint in the directory that is not this job's
	"JIA_JOINED",           // core/join: this process is a child of a host that a launcher has started
	"JIA_EPOLL_BENCH_PEER", // epoll's benchmark: this process is the other end
	"JIA_TEST_SLOWNESS",    // core/node/nodetest: how many times longer than usual its tests wait
	"JIA_TEST_PART",        // core/node/nodetest: which part of their work the longest of its tests do
	"JIA_NET_TOKEN",        // jia-net: what its two ends know and others do not
}
