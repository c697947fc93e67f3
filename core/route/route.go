// Package route joins the transports that a host has into one.
//
// Each pair of hosts uses exactly one transport for everything, so that whatever order a transport promises holds, and a loss is
// told once. Which one, both ends must know alike before the first message, and it must work in both directions. Agree (agree.go)
// finds that out in two rounds in which every host tells all others something:
//
//	cards      what a peer needs in order to try each of this host's ways, or why this host does not have it
//	           (then each way tries the peers that have a card)
//	verdicts   which peers each way was found to work with, and why not with others
//
// A pair uses the first way that both of its ends have found to work. That is a function of the verdicts, which are the same
// everywhere (choice.go), so nobody has to be asked again; cards.go and verdict.go have the texts.
//
// Join makes one node.Transport of those that are in use: what concerns one host goes to its transport, and a thread that waits for
// whichever host comes first sleeps for all transports at once (wait.go).
package route

import (
	"jiajia/core/node"
)

// A Candidate is a transport before it is known which peers it serves. It is started once, after Try, and is a ready
// node.Transport from then on; a candidate that is not started is closed.
type Candidate interface {
	node.Transport

	// Card returns what a peer needs in order to try to reach this host: printable ASCII without spaces, semicolons, quotes,
	// backslashes and <>&. When it is "", why says in words for the user what the host lacks.
	Card() (card, why string)

	// Try finds out which hosts can be reached, and reach this one. cards are those of all hosts, by host id; an empty one has none.
	// The result is by host id, too: nil where it works, in words for the user where it does not; those of this host and of hosts
	// without a card do not count. All hosts that have a card call it at about the same time. Bounded in time.
	Try(cards []string) (refused []error)

	// Start takes by host id whom to serve, always among those that Try found to work from both ends, and drops the others.
	// All hosts call it at about the same time. Bounded in time.
	Start(keep []bool) error
}

// A Way is a kind of transport that the hosts of a job may use, and what this host has of it.
type Way struct {
	Name      string        // in the texts that hosts exchange: lower-case letters
	Words     string        // for the user, such as "shared memory"
	Detail    func() string // what to add to Words in brackets once there is a card, such as a device; nil: nothing
	Candidate Candidate     // nil: this host does not have it
	Why       string        // then: why not, in words for the user
}

// A Gather is an all-gather of texts between the hosts: see launch.Job.Gather.
type Gather func(text string) (texts []string, err error)
