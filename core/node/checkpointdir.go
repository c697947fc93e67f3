package node

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

// LookAhead has host 0 look at the directory of checkpoints before the first of them is due, which may be hours away, and warn of what the user
// would want to know now: that nothing can be written there, or that this run, which begins afresh, will take the place of
// checkpoints of another one.
func (n *Node) LookAhead() {
	c := &n.ckpt
	if n.cfg.Self != 0 || c.cfg == nil {
		return
	}
	dir := c.cfg.Dir
	err := c.store.Make()
	if err == nil {
		if denied := unix.Access(dir, unix.W_OK|unix.X_OK); denied != nil {
			err = &fs.PathError{Op: "write to", Path: dir, Err: denied}
		}
	}
	if err != nil {
		n.cfg.Log.Warnf("no checkpoint can be written as long as this is so: %v; the job goes on without", err)
		return
	}
	if n.Restored() > 0 {
		return
	}
	if there, err := c.store.Manifests(); err == nil && len(there) > 0 {
		n.cfg.Log.Warnf("%s has checkpoints of another run, up to number %d: this one begins afresh and will remove them when it has %d of its own; "+
			"JIA_RESTORE=%s goes on from them, another JIA_CKPT_DIR keeps them", dir, there[0], c.cfg.Keep, dir)
	}
}
