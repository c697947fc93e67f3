package main

/*
#include <errno.h>
#include <stdlib.h>
*/
import "C"

import (
	"errors"
	"math"
	"path/filepath"
	"unsafe"

	"jiajia/core/conf"
	"jiajia/core/keep"
	"jiajia/core/launch"
	"jiajia/core/node"
	"jiajia/core/resume"
)

// beginFrom finds out, with the other hosts, which checkpoint the job begins from, and gives this host the allocations of it. The plan is nil
// for a fresh start.
func beginFrom(n *node.Node, settings conf.Settings) (*resume.Plan, error) {
	c := resume.Config{
		Rank: job.self, Size: job.hosts, Longest: launch.MaxGather, Want: settings.Restore, After: keep.After(), Absolute: fromStart,
		Fit: n.Fit, Warn: func(line string) { job.log.Warnf("%s", line) },
	}
	if job.member != nil {
		c.Gather = job.member.Gather
	}
	plan, err := resume.Agree(c)
	if err == nil && plan != nil {
		err = n.Restore(plan)
	}
	return plan, err
}

// fromStart makes a path of a setting absolute: it counts from where the program was started, whatever it has done since.
func fromStart(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	if dir := startDirectory(); dir != "" {
		return filepath.Join(dir, path)
	}
	if absolute, err := filepath.Abs(path); err == nil {
		return absolute
	}
	return path
}

//export jiaGoRestored
func jiaGoRestored() C.int { return C.int(min(running("jia_restored").Restored(), math.MaxInt32)) }

// jiaGoRegister has private memory stored. What there was of it comes in *stored, for the caller to copy and to free; NULL for nothing.
//
//export jiaGoRegister
func jiaGoRegister(addr unsafe.Pointer, size C.ulong, name *C.char, stored *unsafe.Pointer) C.int {
	data, err := running("jia_checkpoint_register").Register(C.GoString(name), addr, uint64(size))
	switch {
	case errors.Is(err, node.ErrName), errors.Is(err, node.ErrSize), errors.Is(err, node.ErrHere):
		return -C.EINVAL
	case data == nil:
		return 0
	}
	*stored = C.CBytes(data)
	return 1
}
