package node

import (
	"fmt"
	"strings"
	"time"
)

// patience is how long a thread of the program waits for a checkpoint, or the next one is overdue, before the host says why.
const patience = 30 * time.Second

// slow is what the goroutine that stores is doing. Guarded by Node.mu.
type slow struct {
	patience time.Duration // fixed
	doing    string        // with this host's disk; "" while it waits for other hosts
	since    time.Time
	said     uint64 // the last generation that there was a line about
}

// atDisk notes what the goroutine that stores does now with the disk.
func (n *Node) atDisk(doing string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ckpt.slow.doing, n.ckpt.slow.since = doing, time.Now()
}

// sayWhatIsSlow says why a checkpoint is not finished that a thread of the program, or the next one, has been waiting for. It does so once for
// each.
func (n *Node) sayWhatIsSlow() {
	n.mu.Lock()
	c := &n.ckpt
	generation, line := c.begun, ""
	if c.slow.said != generation {
		line = n.whatIsSlow()
	}
	if line != "" {
		c.slow.said = generation
	}
	n.mu.Unlock()
	if line != "" {
		n.cfg.Log.Warnf("checkpoint %d is not finished: %s; a disk is slow, or hangs", generation, line)
	}
}

// whatIsSlow words what this host is at or, host 0, whom it waits for. "": another host does that. Called under mu.
func (n *Node) whatIsSlow() string {
	c := &n.ckpt
	took := time.Since(c.slow.since).Seconds()
	if c.slow.doing != "" {
		left := ""
		if c.saving != nil && c.saving.snap != nil {
			left = fmt.Sprintf(", and %d page(s) are left", c.saving.snap.Left())
		}
		return fmt.Sprintf("this host has been %s %s for %.0f s%s", c.slow.doing, c.cfg.Dir, took, left)
	}
	var late []string
	for h := 1; n.cfg.Self == 0 && h < n.cfg.Hosts; h++ {
		if !c.readyHost[h] {
			late = append(late, fmt.Sprint(h))
		}
	}
	if len(late) == 0 {
		return ""
	}
	return fmt.Sprintf("for %.0f s this host has been waiting for host(s) %s", took, strings.Join(late, ", "))
}
