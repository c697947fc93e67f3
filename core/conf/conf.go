// Package conf knows the settings of a job: their names, where they come from, what they mean and what they may be.
//
// There is one table, Table, which Load reads, so a setting is added in one place. Load is a pure function of the
// environment it is given; nothing here has state, and everything may be called from any thread.
package conf

import "fmt"

// MaxLocalHosts is the largest number of processes that one machine is asked to run for a job.
const MaxLocalHosts = 1024

// Limits of the shared region, in bytes. The region is reserved address space: memory follows what is touched.
const (
	MinRegionSize = 1 << 20  // 1 MiB
	MaxRegionSize = 64 << 40 // 64 TiB: what fits between the fixed address and the end of user space
)

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

// Settings are the values in force. A Settings that Load returned without an error is valid in every field.
type Settings struct {
	NProc      int    // processes to run on this machine, 1 to MaxLocalHosts; 1 when nothing is set
	Fault      Fault  // one of the Fault constants
	RegionSize uint64 // bytes, a multiple of 4096, from MinRegionSize to MaxRegionSize
	Spin       Spin   // one of the Spin constants
}

// A Setting is one row of Table.
type Setting struct {
	Name    string // the key in the vocabulary of the documentation, such as "region_size"
	Env     string // the environment variable, such as "JIA_REGION_SIZE"
	Type    string // what a value looks like, in words
	Default string // the value in force when the variable is unset or empty
	Meaning string // one sentence

	set func(s *Settings, value string) bool // false: the value is not acceptable
}

// Table lists every setting, in the order in which the documentation shows them.
var Table = []Setting{
	{
		Name: "nproc", Env: "JIA_NPROC", Default: "1",
		Type:    fmt.Sprintf("a whole number from 1 to %d", MaxLocalHosts),
		Meaning: "how many processes of the program run on this machine; the started one is host 0",
		set:     setNProc,
	},
	{
		Name: "fault", Env: "JIA_FAULT", Default: string(FaultAuto),
		Type:    "auto, uffd or mprotect",
		Meaning: "how accesses to absent pages are caught: by userfaultfd, by page protection, or by the better that works",
		set: func(s *Settings, value string) bool {
			s.Fault = Fault(value)
			return oneOf(s.Fault, FaultAuto, FaultUffd, FaultMprotect)
		},
	},
	{
		Name: "region_size", Env: "JIA_REGION_SIZE", Default: "1T",
		Type: "bytes, a multiple of 4096, with K, M, G or T for powers of 1024, from 1M to 64T",
		Meaning: "address space reserved for shared memory on every host; no memory is used until it is touched; " +
			"above about 20T the program must be linked with -no-pie",
		set: setRegionSize,
	},
	{
		Name: "spin", Env: "JIA_SPIN", Default: string(SpinAuto),
		Type:    "auto, on or off",
		Meaning: "whether a waiting thread spins for some microseconds before it sleeps",
		set: func(s *Settings, value string) bool {
			s.Spin = Spin(value)
			return oneOf(s.Spin, SpinAuto, SpinOn, SpinOff)
		},
	},
}

// Load reads the settings from env, which returns the value of a variable or "" when it is unset (os.Getenv will
// do). The error is one line that names the variable, its value and the remedy; the Settings are then zero.
func Load(env func(string) string) (Settings, error) {
	var s Settings
	for _, row := range Table {
		value := env(row.Env)
		if value == "" {
			value = row.Default
		}
		if !row.set(&s, value) {
			return Settings{}, &ValueError{Setting: row, Value: value}
		}
	}
	return s, nil
}

// A ValueError is a setting whose value cannot be used.
type ValueError struct {
	Setting Setting
	Value   string
}

// longestShown bounds, in bytes, how much of a bad value an error line repeats.
const longestShown = 64

func (e *ValueError) Error() string {
	shown := e.Value
	if len(shown) > longestShown {
		shown = shown[:longestShown] + "..."
	}
	return fmt.Sprintf("%s is %q, but must be %s: correct it, or unset it for the default, %s",
		e.Setting.Env, shown, e.Setting.Type, e.Setting.Default)
}
