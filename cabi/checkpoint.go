package main

import "C"

import (
	"time"

	"jiajia/core"
	"jiajia/core/capacity"
	"jiajia/core/conf"
	"jiajia/core/node"
)

//export jiaGoCheckpoint
func jiaGoCheckpoint(owner C.ulong, wait C.int) C.int {
	call := "jia_checkpoint"
	if wait == 0 {
		call = "jia_checkpoint_start"
	}
	return C.int(running(call).Checkpoint(core.Owner(owner), wait != 0))
}

//export jiaGoCheckpointWait
func jiaGoCheckpointWait() C.int { return C.int(running("jia_checkpoint_wait").CheckpointWait()) }

// leastCopies is how many bytes of copies a host may have at least.
const leastCopies = 64 << 20

// checkpoints words the settings of checkpoints for the node, nil if there are to be none. hosts is how many of the job share this machine's memory.
func checkpoints(settings conf.Settings, hosts int) *node.Checkpoints {
	if settings.CkptDir == "" {
		return nil
	}
	c := &node.Checkpoints{Dir: fromStart(settings.CkptDir), Interval: time.Duration(settings.CkptInterval) * time.Second, Keep: settings.CkptKeep,
		Full: settings.CkptFull, Compress: settings.CkptCompress, CopyBytes: leastCopies}
	if memory, ok := capacity.Find(); ok {
		c.CopyBytes = max(leastCopies, memory.Bytes/8/uint64(hosts))
	}
	return c
}
