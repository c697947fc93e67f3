package ckpt

import (
	"fmt"
	"strconv"
	"strings"
)

// File names. Those of parts have the job in them, so that jobs which write to one directory never get at each other's parts; those
// of manifests have not, so that a number means one generation there.
const (
	namePrefix     = "jia-ckpt-"
	manifestSuffix = ".manifest"
	partSuffix     = ".part"
	tempSuffix     = ".tmp"
)

// maxGeneration is the highest number that a file can have: there is room above it, also where a number is kept with other things.
const maxGeneration = 1 << 62

// tag is the part of a job's ID that is in names. The whole ID is in the files.
func (j JobID) tag() string { return fmt.Sprintf("%x", j[:4]) }

func manifestName(generation uint64) string {
	return namePrefix + strconv.FormatUint(generation, 10) + manifestSuffix
}

// manifestTemp has the job in it: two that commit one number at the same time meet at the renaming, where one of them loses.
func manifestTemp(job JobID, generation uint64) string {
	return fmt.Sprintf("%s%d-%s%s%s", namePrefix, generation, job.tag(), manifestSuffix, tempSuffix)
}

func partName(job JobID, generation uint64, host int) string {
	return fmt.Sprintf("%s%d-%s-%d%s", namePrefix, generation, job.tag(), host, partSuffix)
}

// A fileName is what the name of a file says.
type fileName struct {
	generation uint64
	manifest   bool // a manifest under its final name
	temp       bool // what a writer is at, or has left
}

// parseName tells whether a name is one of ours. It reads no more of it than is needed to know which generation the file is for.
func parseName(name string) (f fileName, ok bool) {
	rest, ok := strings.CutPrefix(name, namePrefix)
	if !ok {
		return f, false
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if end <= 0 || rest[0] == '0' {
		return f, false
	}
	generation, err := strconv.ParseUint(rest[:end], 10, 64)
	if err != nil || generation > maxGeneration {
		return f, false
	}
	f.generation = generation
	rest, f.temp = strings.CutSuffix(rest[end:], tempSuffix)
	switch {
	case rest == manifestSuffix && !f.temp:
		f.manifest = true
		return f, true
	case strings.HasPrefix(rest, "-"):
		return f, strings.HasSuffix(rest, partSuffix) || f.temp && strings.HasSuffix(rest, manifestSuffix)
	}
	return f, false
}
