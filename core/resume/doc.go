// Package resume finds the checkpoint that a run begins from, together with the other hosts of the job: which generation is whole, and
// which host reads which part of it. Directories may be shared by the hosts or be on a disk of each machine, and the number of hosts
// need not be that of the run that wrote the checkpoint.
//
// Host 0, which has the manifests, proposes one generation after the other, the newest first. For each, every host says which parts are in its
// directory; each part gets a reader among those that have it, who checks every byte of it. What is not whole is passed over with a
// line that says why. All that the hosts say travels in rounds of texts, since there is no transport yet.
package resume

import (
	"path/filepath"
	"time"

	"jiajia/ckpt"
	"jiajia/core"
)

// Config describes a host that looks for a checkpoint. Where it matters, host 0's values count for all.
type Config struct {
	Rank, Size int

	// Gather is an all-gather of texts of printable ASCII, up to Longest bytes each; nil in a job of one host.
	Gather  func(text string) ([]string, error)
	Longest int

	// Want is what JIA_RESTORE says, see ckpt.Place: with host 0 whether there is a restore and of which generation; each host looks
	// into its own directory, or if it names none into that of host 0. Absolute makes a path absolute.
	Want     string
	Absolute func(path string) string

	// After is the newest generation in host 0's directory that is another job's, and not to be used; 0: there is none.
	After uint64

	// Fit says what keeps this job from going on from a state, if anything does: a page size, or too little room. Then no other
	// generation is tried.
	Fit func(*core.Saved) error

	// Warn takes a line about a generation that cannot be used. It is called on host 0.
	Warn func(line string)

	// Patience is how long a host lets the others wait for a word while it checks its parts. 0: some seconds.
	Patience time.Duration
}

// A Plan is how a job begins from a checkpoint, the same on all hosts but for the store.
type Plan struct {
	Generation uint64
	Dir        string // where this host looks
	Store      *ckpt.Store
	Saved      core.Saved
	Chain      []*ckpt.Manifest // the generation first, what it builds on behind it, the full one last
	Readers    []int            // by the number of the host that wrote the part: who reads it
}

// absolute returns where this host looks for what a value of JIA_RESTORE names.
func (c *Config) absolute(dir string) string {
	if filepath.IsAbs(dir) || c.Absolute == nil {
		return dir
	}
	return c.Absolute(dir)
}
