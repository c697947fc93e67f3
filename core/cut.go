package core

import "jiajia/core/pageset"

// Cut is a checkpoint that a barrier takes.
type Cut struct {
	Generation uint64 // from 1 up
	// Full: everything is stored that was ever written, and not only what was written since the checkpoint before.
	Full bool
}

// cuts is what a machine keeps for checkpoints (P22).
type cuts struct {
	planned Cut // by PlanCut, for the next barrier
	// written are the home pages that may hold anything but zero; unsaved those of them that no checkpoint has as they are. zeroed were
	// given back since the last one.
	written, unsaved, zeroed pageset.Set
}

// PlanCut has the next Barrier of host 0 take a checkpoint, if it is of KindBarrier or KindCheckpoint. Host 0 tells the others. It
// is called right before Barrier, on host 0 alone, and Config.Cuts must be set.
func (m *Machine) PlanCut(c Cut) { m.cuts.planned = c }

// CutDone says what became of the checkpoint that CutBegin began last on this host: whether all of it, on all hosts, is stored for
// good. If not, what it had to store is part of the next one. Until this is called the next cut waits on this host, in its barrier.
func (m *Machine) CutDone(ok bool, fx *Effects) {}
