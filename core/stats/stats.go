// Package stats is the vocabulary of a job's statistics: what is counted for each host, under which names, and how the
// numbers of all hosts are shown. It counts nothing itself (package core/node does) and has no state.
package stats

// A Field names one number of a Row.
type Field int

// The fields, in the order of jia_stats_t in include/jia.h, which says what each means; once released, new ones go to the end. Times
// are in nanoseconds here, and in seconds wherever a user sees them.
const (
	Elapsed Field = iota
	Computing
	Faulting
	Locking
	InBarriers
	InMessages
	Waiting
	OtherThreads

	ReadFaults
	WriteFaults
	PagesFetched
	PageBytesFetched
	PagesServed
	PagesInvalidated
	Twins
	DiffsSent
	DiffBytesSent
	DiffsReceived
	DiffBytesReceived

	LocksLocal
	LocksRemote
	Barriers
	Waits

	MessagesPassed
	MessageBytesPassed
	MessagesTaken
	MessageBytesTaken
	Collectives
	CollectiveBytes

	MessagesSent
	MessageBytesSent
	MessagesReceived
	MessageBytesReceived

	HomePages
	CachedPages
	MemoryBytes

	PagesRead
	DiffsWritten
	PagesAhead
	PagesAheadUnused

	PagesEvicted
	PagesProbed
	PagesProbedUsed
	CacheBytes
	CacheLimitBytes

	Checkpoints
	CheckpointBytes
	Cutting

	Len int = iota // how many fields there are
)

// A Unit says what a field counts.
type Unit int

// The units.
const (
	Number Unit = iota
	Bytes
	Nanoseconds
)

// An Info describes a field.
type Info struct {
	Name  string // in jia_stats_t and in JSON
	Label string // in the table
	Unit  Unit
	// Level: the value now, such as memory in use, and not a count of events; a window does not change it.
	Level bool
}

// Fields describes every field.
var Fields = [Len]Info{
	Elapsed:      {Name: "seconds_elapsed", Label: "elapsed", Unit: Nanoseconds},
	Computing:    {Name: "seconds_computing", Label: "computing", Unit: Nanoseconds},
	Faulting:     {Name: "seconds_faulting", Label: "waiting for pages", Unit: Nanoseconds},
	Locking:      {Name: "seconds_locks", Label: "in locks", Unit: Nanoseconds},
	InBarriers:   {Name: "seconds_barriers", Label: "in barriers", Unit: Nanoseconds},
	InMessages:   {Name: "seconds_messages", Label: "in messages", Unit: Nanoseconds},
	Waiting:      {Name: "seconds_waiting", Label: "in other waits", Unit: Nanoseconds},
	OtherThreads: {Name: "seconds_others", Label: "waits of other threads", Unit: Nanoseconds},

	ReadFaults:        {Name: "read_faults", Label: "read faults"},
	WriteFaults:       {Name: "write_faults", Label: "write faults"},
	PagesFetched:      {Name: "pages_fetched", Label: "pages fetched"},
	PageBytesFetched:  {Name: "page_bytes_fetched", Label: "  their contents", Unit: Bytes},
	PagesServed:       {Name: "pages_served", Label: "pages served"},
	PagesInvalidated:  {Name: "pages_invalidated", Label: "pages invalidated"},
	Twins:             {Name: "twins", Label: "twins"},
	DiffsSent:         {Name: "diffs_sent", Label: "diffs sent"},
	DiffBytesSent:     {Name: "diff_bytes_sent", Label: "  their size", Unit: Bytes},
	DiffsReceived:     {Name: "diffs_received", Label: "diffs received"},
	DiffBytesReceived: {Name: "diff_bytes_received", Label: "  their size", Unit: Bytes},

	LocksLocal:  {Name: "locks_local", Label: "locks, local"},
	LocksRemote: {Name: "locks_remote", Label: "locks, remote"},
	Barriers:    {Name: "barriers", Label: "barriers"},
	Waits:       {Name: "waits", Label: "other waits"},

	MessagesPassed:     {Name: "messages_passed", Label: "jia_send"},
	MessageBytesPassed: {Name: "message_bytes_passed", Label: "  their size", Unit: Bytes},
	MessagesTaken:      {Name: "messages_taken", Label: "jia_recv"},
	MessageBytesTaken:  {Name: "message_bytes_taken", Label: "  their size", Unit: Bytes},
	Collectives:        {Name: "collectives", Label: "jia_bcast, jia_reduce"},
	CollectiveBytes:    {Name: "collective_bytes", Label: "  their size", Unit: Bytes},

	MessagesSent:         {Name: "messages_sent", Label: "messages sent"},
	MessageBytesSent:     {Name: "message_bytes_sent", Label: "  their size", Unit: Bytes},
	MessagesReceived:     {Name: "messages_received", Label: "messages received"},
	MessageBytesReceived: {Name: "message_bytes_received", Label: "  their size", Unit: Bytes},

	HomePages:   {Name: "home_pages", Label: "home pages in use", Level: true},
	CachedPages: {Name: "cached_pages", Label: "cached pages", Level: true},
	MemoryBytes: {Name: "memory_bytes", Label: "shared memory in use", Unit: Bytes, Level: true},

	PagesRead:        {Name: "pages_read", Label: "pages read directly"},
	DiffsWritten:     {Name: "diffs_written", Label: "diffs written directly"},
	PagesAhead:       {Name: "pages_ahead", Label: "pages fetched ahead"},
	PagesAheadUnused: {Name: "pages_ahead_unused", Label: "  dropped unused"},

	PagesEvicted:    {Name: "pages_evicted", Label: "pages evicted"},
	PagesProbed:     {Name: "pages_probed", Label: "pages probed"},
	PagesProbedUsed: {Name: "pages_probed_used", Label: "  found in use"},
	CacheBytes:      {Name: "cache_bytes", Label: "page cache", Unit: Bytes, Level: true},
	CacheLimitBytes: {Name: "cache_limit_bytes", Label: "  its limit", Unit: Bytes, Level: true},

	Checkpoints:     {Name: "checkpoints", Label: "checkpoints"},
	CheckpointBytes: {Name: "checkpoint_bytes", Label: "  their size", Unit: Bytes},
	Cutting:         {Name: "seconds_checkpoints", Label: "  stood still for them", Unit: Nanoseconds},
}

// A Row is the numbers of one host. Invariant: Elapsed is the sum of Computing, Faulting, Locking, InBarriers, InMessages
// and Waiting.
type Row [Len]uint64

// Seconds returns a field whose unit is Nanoseconds as a user sees it.
func (r *Row) Seconds(f Field) float64 { return float64(r[f]) / 1e9 }

// Plus returns the sum of two spans of one host, or of two hosts.
func (r Row) Plus(other Row) Row {
	for f := range r {
		r[f] += other[f]
	}
	return r
}

// Since returns what came on top of an earlier row of the same host. Levels stay as they are.
func (r Row) Since(earlier Row) Row {
	for f := range r {
		if !Fields[f].Level {
			r[f] -= earlier[f]
		}
	}
	return r
}

// A Host is the numbers of one host in a job's report.
type Host struct {
	Host int
	Row  Row
}
