package join

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"jiajia/core/conf"
)

// A Launch is what a launcher has told this process.
type Launch struct {
	Launcher   string // who that is, for messages
	Rank, Size int    // Invariant: 0 <= Rank < Size, 2 <= Size <= conf.MaxHosts
	oneMachine bool   // the launcher says that all hosts are on this machine
	means      means
}

// A means is how the hosts find host 0 and agree on a secret.
type means interface {
	// open is called in host 0. It starts to listen and tells the others how to come.
	open(l *Launch, bind string) (*gate, error)
	// find is called in the others, and blocks until host 0 has told, joinLimit at most.
	find(l *Launch) (*place, error)
	// abort tells the launcher that this process cannot go on. It may be called at any time and does not block for long.
	abort()
}

// A gate is where host 0 lets the others in.
type gate struct {
	listener  net.Listener
	secret    []byte                 // secretSize bytes
	vouch     func() ([]byte, error) // makes a credential for a host that asks; nil: nobody may ask
	elsewhere func() (*place, error) // where the others look for host 0, if that may be a different process
}

// A place is where host 0 is.
type place struct {
	addresses []string                     // host:port, to be tried at once; the right one knows the secret
	secret    []byte                       // nil: to be had from host 0 with check
	check     func([]byte) ([]byte, error) // takes a credential apart
	where     string                       // words for messages
	handshake time.Duration                // how long one may take
}

// Detect finds out which launcher has started this process: nil for none, or one that started a single process. It
// looks at variables only, but for PMIx, whose library must say how many processes there are. The settings have those of
// the library; getenv knows all, and returns "" for what is unset. The error is a line for the user.
//
// Of several launchers the innermost counts: mpirun in a Slurm job uses srun to start its own daemons. What the
// user has set by hand comes before all.
//
// A child of a host has the launcher's variables from it, but is none of the job's: envJoined tells which they are.
func Detect(s conf.Settings, getenv func(string) string) (*Launch, error) {
	inherited := strings.Split(getenv(envJoined), ";")
	for _, d := range detectors {
		if d.identity != nil && slices.Contains(inherited, marker(d.identity, getenv)) {
			continue
		}
		l, err := d.detect(s, getenv)
		switch {
		case err != nil:
			return nil, err
		case l == nil:
			continue
		case l.Size == 1:
			return nil, nil
		case l.Size > conf.MaxHosts:
			return nil, fmt.Errorf("%s has started %d processes, but a job has at most %d hosts: start fewer", l.Launcher, l.Size, conf.MaxHosts)
		}
		return l, nil
	}
	return nil, nil
}

// Launched tells whether a launcher has started this process as one of several. It looks at variables only, so that anybody may ask
// at any time; where they do not tell how many there are, it says yes.
func Launched(s conf.Settings, getenv func(string) string) bool {
	inherited := strings.Split(getenv(envJoined), ";")
	for _, d := range detectors {
		if d.identity != nil && slices.Contains(inherited, marker(d.identity, getenv)) {
			continue
		}
		if d.several(s, getenv) {
			return true
		}
	}
	return false
}

var detectors = []struct {
	detect   func(conf.Settings, func(string) string) (*Launch, error)
	several  func(conf.Settings, func(string) string) bool // the same as far as variables tell: see Launched
	identity []string                                      // variables that tell the launcher's processes apart; nil: their children do not see them
}{
	{generic, func(s conf.Settings, _ func(string) string) bool { return s.Size > 1 }, nil},
	{pmix, severalByPMIx, []string{"PMIX_NAMESPACE", "PMIX_RANK"}},
	{pmi, severalBy("PMI_RANK", "PMI_SIZE"), nil},
	{slurm, severalBy("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"), []string{"SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_PROCID"}},
}

// severalBy looks at a rank and a size.
func severalBy(rank, size string) func(conf.Settings, func(string) string) bool {
	return func(_ conf.Settings, getenv func(string) string) bool {
		_, n, ok := shape(getenv, rank, size)
		return ok && n > 1
	}
}

func severalByPMIx(_ conf.Settings, getenv func(string) string) bool {
	const one = "1"
	return getenv("PMIX_RANK") != "" && getenv("PMIX_NAMESPACE") != "" && getenv("OMPI_COMM_WORLD_SIZE") != one &&
		(getenv("OMPI_COMM_WORLD_SIZE") != "" || getenv("SLURM_STEP_NUM_TASKS") != one)
}

// envJoined has, for the children of a host, the markers of the launchers that it was started by, separated by semicolons.
const envJoined = "JIA_JOINED"

// markers returns the value of envJoined for the children of this process.
func markers(getenv func(string) string) string {
	var all []string
	for _, d := range detectors {
		if d.identity != nil {
			all = append(all, marker(d.identity, getenv))
		}
	}
	return strings.Join(all, ";")
}

// marker tells apart the processes of one launcher. It is not empty.
func marker(identity []string, getenv func(string) string) string {
	text := identity[0]
	for _, name := range identity {
		text += "," + getenv(name)
	}
	return text
}

// shape reads a rank and a size, each from the variable of that name. ok is false unless both make sense.
func shape(getenv func(string) string, rankName, sizeName string) (rank, size int, ok bool) {
	rank, rankErr := strconv.Atoi(getenv(rankName))
	size, sizeErr := strconv.Atoi(getenv(sizeName))
	return rank, size, rankErr == nil && sizeErr == nil && rank >= 0 && rank < size
}
