package main

import "fmt"

// placement says where the processes of a measurement run. Loopback round trips are bimodal: cheap when both ends share
// a core, dear when a sleeping core must be woken. So every figure is taken both ways; packed is the stable one.
type placement struct {
	name    string
	taskset []string
	env     []string
}

var (
	packed = placement{name: "one core", taskset: []string{"taskset", "-c", "0"}}
	// spread leaves it to the kernel, which lets two processes that wake each other share a core when others are busy.
	spread = placement{name: "one core each"}
	// pinned sees to it.
	pinned = placement{name: "pinned, each", env: []string{"BENCH_PIN=1"}}
)

// row is one line of the table: a measurement of micro.c and the baseline that it is held against.
type row struct {
	what     string
	name     string // of the measurement in micro.c
	unit     string
	env      []string // settings of this measurement
	baseline string   // key in baselines, or "" for an absolute target
	// target: at most target times the baseline (or at most that many units), or at least when atLeast is set.
	target  float64
	atLeast bool
	where   []placement
}

// A baseline is a program of bare.c with its arguments or, without one, a measurement of micro.c with its settings.
type baseline struct {
	bare  []string
	micro string
	env   []string
}

var baselines = map[string]baseline{
	"64 B round trip":              {bare: []string{"rtt", "64", "64", "20000"}},
	"64 B -> 4 KiB round trip":     {bare: []string{"rtt", "64", "4096", "20000"}},
	"64 MiB stream":                {bare: []string{"stream", "67108864", "10"}},
	"first touch of a memfd":       {bare: []string{"touch", "65536"}},
	"barrier with nothing here":    {micro: "barrier"},
	"message, there and back":      {micro: "messages"},
	"message, there and back, TCP": {micro: "messages", env: tcp},
	"read-ahead off":               {micro: "random", env: noReadAhead},
	"first sweep, all fits":        {micro: "sequential-first"},
	"the same over TCP":            {micro: "sequential-first", env: tcp},
	"cache of 1 GiB":               {micro: "rounds", env: []string{"JIA_CACHE_SIZE=1G"}},
}

var (
	noReadAhead = []string{"JIA_PREFETCH=off"}
	tcp         = []string{"JIA_COMM_TYPE=tcp"}
	quarter     = []string{"JIA_CACHE_SIZE=16M"}
)

var rows = []row{
	{what: "remote read miss", name: "miss", unit: "us", env: noReadAhead, baseline: "64 B -> 4 KiB round trip", target: 1.5, where: both},
	{what: "remote read miss, home computing", name: "miss-busy", unit: "us", env: noReadAhead, target: 40, where: []placement{spread}},
	{what: "barrier", name: "barrier", unit: "us", baseline: "64 B round trip", target: 1.5, where: both},
	{what: "barrier", name: "barrier", unit: "us", target: 1, where: []placement{pinned}},
	{what: "barrier, 100,000 clean pages cached", name: "barrier-cached", unit: "us", baseline: "barrier with nothing here", target: 1.3, where: both},
	{what: "message, there and back", name: "messages", unit: "us", baseline: "64 B round trip", target: 1.5, where: both},
	{what: "contended lock, hand-off", name: "handoff", unit: "us", baseline: "64 B round trip", target: 1.0, where: both},
	{what: "contended lock, lock + unlock", name: "contended", unit: "us", where: both},
	{what: "free lock of another host", name: "remote-lock", unit: "us", baseline: "64 B round trip", target: 2, where: both},
	{what: "lock held here last", name: "relock", unit: "us", target: 1, where: both},
	{what: "pool: allocate and free 64 bytes", name: "pool", unit: "ns", target: 250, where: both},
	{what: "atomic fetch-add, remote word", name: "fetch-add", unit: "us", baseline: "message, there and back", target: 1.5, where: both},
	{what: "atomic fetch-add, remote word, TCP", name: "fetch-add", unit: "us", env: tcp, baseline: "message, there and back, TCP", target: 1.5, where: both},
	{what: "atomic fetch-add, word at home", name: "fetch-add-home", unit: "us", target: 1, where: both},
	{what: "try for a lock that is held", name: "trylock", unit: "us", baseline: "message, there and back", target: 1.5, where: both},
	{what: "try for a lock that is held, TCP", name: "trylock", unit: "us", env: tcp, baseline: "message, there and back, TCP", target: 1.5, where: both},
	{what: "reader lock, nobody else", name: "rdlock", unit: "us", baseline: "message, there and back", target: 1.5, where: both},
	{what: "reader lock, nobody else, TCP", name: "rdlock", unit: "us", env: tcp, baseline: "message, there and back, TCP", target: 1.5, where: both},
	{what: "first touch of home memory", name: "touch", unit: "us/page", baseline: "first touch of a memfd", target: 1.0, where: both},
	{what: "release, 1,024 pages half dirty", name: "release", unit: "us/page", target: 6, where: both},
	{what: "write 1,024 cached remote pages", name: "bulk-cached", unit: "MB/s", target: 300, atLeast: true, where: both},
	{what: "write 1,024 absent remote pages", name: "bulk", unit: "MB/s", target: 120, atLeast: true, where: both},
	{what: "64 MiB sequential read, first, TCP", name: "sequential-first", unit: "MB/s", env: tcp, baseline: "64 MiB stream", target: 0.6, atLeast: true, where: both},
	{what: "64 MiB sequential read, again, TCP", name: "sequential-again", unit: "MB/s", env: tcp, baseline: "64 MiB stream", target: 0.6, atLeast: true, where: both},
	{what: "64 MiB sequential read, first", name: "sequential-first", unit: "MB/s", where: both},
	{what: "64 MiB sequential read, again", name: "sequential-again", unit: "MB/s", target: 3000, atLeast: true, where: both},
	{what: "64 MiB sweep, cache of 16 MiB", name: "sweep", unit: "MB/s", env: quarter, baseline: "first sweep, all fits", target: 1 / 1.2, atLeast: true, where: both},
	{what: "64 MiB sweep, cache of 16 MiB, TCP", name: "sweep", unit: "MB/s", env: append(tcp, quarter...), baseline: "the same over TCP", target: 1 / 1.2, atLeast: true, where: both},
	{what: "rounds that fit, crowded", name: "rounds", unit: "us", env: []string{"JIA_CACHE_SIZE=74M"}, baseline: "cache of 1 GiB", target: 1.01, where: both},
	{what: "random read", name: "random", unit: "us", baseline: "read-ahead off", target: 1.05, where: both},
	{what: "waiting in a barrier", name: "idle-barrier", unit: "% of a core", target: 2, where: []placement{spread}},
	{what: "waiting for a lock", name: "idle-lock", unit: "% of a core", target: 2, where: []placement{spread}},
}

var both = []placement{packed, spread}

// sample is the median and the p99 of one run.
type sample struct{ median, p99 float64 }

// micro prints the table of primitives. Measurement and baseline alternate, and each is the median of the repetitions.
func (b *bench) micro() error {
	fmt.Printf("\n%-36s %-14s %12s %10s %12s %7s  %s\n", "primitive, 2 processes", "placement", "median", "p99", "baseline", "ratio", "target")
	for _, r := range rows {
		for _, at := range r.where {
			var own, base []sample
			for i := 0; i < b.repeats; i++ {
				s, err := b.measure(at, r.name, r.env)
				if err != nil {
					return err
				}
				own = append(own, s)
				if r.baseline == "" {
					continue
				}
				if other := baselines[r.baseline]; other.bare != nil {
					s, err = b.bare(at, other.bare)
				} else {
					s, err = b.measure(at, other.micro, other.env)
				}
				if err != nil {
					return err
				}
				base = append(base, s)
			}
			r.print(at, middle(own), base)
		}
	}
	return nil
}

func (r *row) print(at placement, own sample, base []sample) {
	line := fmt.Sprintf("%-36s %-14s %12s %10.1f", r.what, at.name, fmt.Sprintf("%.2f %s", own.median, r.unit), own.p99)
	value, limit := own.median, fmt.Sprintf("%g %s", r.target, r.unit)
	if len(base) > 0 {
		m := middle(base)
		value, limit = own.median/m.median, fmt.Sprintf("%.3g x %s", r.target, r.baseline)
		line += fmt.Sprintf(" %12.2f %7.2f", m.median, value)
	} else {
		line += fmt.Sprintf(" %12s %7s", "", "")
	}
	if r.target == 0 {
		fmt.Println(line)
		return
	}
	word, met := "at most", value <= r.target
	if r.atLeast {
		word, met = "at least", value >= r.target
	}
	line += fmt.Sprintf("  %s %s", word, limit)
	if !met {
		line += "  MISSED"
	}
	fmt.Println(line)
}
