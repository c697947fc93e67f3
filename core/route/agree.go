package route

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"jiajia/core/node"
	"jiajia/core/wire"
)

// A Plan says which of a host's ways serves which peers.
type Plan struct {
	self  int
	ways  []Way
	table table
	way   []int // by host id: index of its way; none for this host
}

// Agree finds out, with all other hosts of the job, which way each pair uses. The ways must be the same on all hosts, the one that is
// tried first first. The texts that it gathers have at most longest bytes. It is collective: after an error, which is a line for
// the user, the job cannot go on. It closes nothing.
func Agree(self wire.HostID, hosts int, ways []Way, gather Gather, longest int) (*Plan, error) {
	p := &Plan{self: int(self), ways: slices.Clone(ways), way: make([]int, hosts)}
	t := &p.table
	own := make([]card, len(ways))
	for i, w := range p.ways {
		t.names = append(t.names, w.Name)
		if own[i] = (card{why: w.Why}); w.Candidate != nil {
			own[i].text, own[i].why = w.Candidate.Card()
		}
		if own[i] == (card{}) {
			own[i].why = "no reason is known"
		}
		if own[i].text != "" && w.Detail != nil {
			p.ways[i].Words += " (" + w.Detail() + ")"
		}
	}
	texts, err := gather(encodeCards(t.names, own))
	if err != nil {
		return nil, fmt.Errorf("tell the other hosts which transports there are: %w", err)
	}
	if len(texts) != hosts {
		return nil, fmt.Errorf("cards of %d hosts in a job of %d", len(texts), hosts)
	}
	for host, text := range texts {
		cards, err := decodeCards(t.names, text)
		if err != nil {
			return nil, fmt.Errorf("host %d: %w", host, err)
		}
		t.cards = append(t.cards, cards)
	}
	if texts, err = gather(encodeVerdicts(t.names, p.try(), longest)); err != nil {
		return nil, fmt.Errorf("tell the other hosts which transports work: %w", err)
	}
	if len(texts) != hosts {
		return nil, fmt.Errorf("verdicts of %d hosts in a job of %d", len(texts), hosts)
	}
	for host, text := range texts {
		verdicts, err := decodeVerdicts(t.names, text, hosts)
		if err != nil {
			return nil, fmt.Errorf("host %d: %w", host, err)
		}
		t.verdicts = append(t.verdicts, verdicts)
	}
	for host := range p.way {
		if p.way[host] = none; host == p.self {
			continue
		}
		if p.way[host] = t.choose(p.self, host); p.way[host] == none {
			a, b, last := min(p.self, host), max(p.self, host), len(ways)-1 // so that both say the same
			return nil, fmt.Errorf("hosts %d and %d cannot reach each other by %s: %s", a, b, ways[last].Words, t.why(last, a, b))
		}
	}
	return p, nil
}

// try has all candidates try their peers at once.
func (p *Plan) try() []verdict {
	verdicts := make([]verdict, len(p.ways))
	var all sync.WaitGroup
	for i, w := range p.ways {
		verdicts[i].works = make(set, len(p.way))
		if p.table.cards[p.self][i].text == "" {
			continue
		}
		cards := make([]string, len(p.way))
		for host := range cards {
			cards[host] = p.table.cards[host][i].text
		}
		all.Add(1)
		go func() {
			defer all.Done()
			verdicts[i] = judge(p.self, cards, w.Candidate.Try(cards))
		}()
	}
	all.Wait()
	return verdicts
}

// hosts returns the peers that use a way.
func (p *Plan) hosts(way int) set {
	s := make(set, len(p.way))
	for host, w := range p.way {
		s[host] = w == way && host != p.self
	}
	return s
}

// Transport returns the one that the host uses, to be started by Start: a candidate itself when that serves all peers, else one that
// joins several, for which spin is how long a thread that waits for any host polls before it sleeps.
func (p *Plan) Transport(spin time.Duration) (node.Transport, error) {
	var parts []Part
	only := none
	for i, w := range p.ways {
		if hosts := p.hosts(i); !hosts.empty() {
			parts, only = append(parts, Part{w.Candidate, hosts}), i
		}
	}
	if len(parts) == 1 {
		if t, ok := parts[0].Transport.(node.LockSharer); ok && p.everywhere(only) {
			t.ShareLocks()
		}
		return parts[0].Transport, nil
	}
	return Join(wire.HostID(p.self), parts, spin)
}

// everywhere tells whether all pairs of the job use a way; all hosts get the same answer.
func (p *Plan) everywhere(way int) bool {
	for a := range p.way {
		for b := range a {
			if p.table.choose(a, b) != way {
				return false
			}
		}
	}
	return true
}

// Start starts the candidates that have peers, all at once, and closes the others. It is collective. After an error the transport
// can only be closed.
func (p *Plan) Start() error {
	errs := make([]error, len(p.ways))
	var all sync.WaitGroup
	for i, w := range p.ways {
		if w.Candidate == nil {
			continue
		}
		all.Add(1)
		go func() {
			defer all.Done()
			if hosts := p.hosts(i); !hosts.empty() {
				errs[i] = w.Candidate.Start(hosts)
			} else if err := w.Candidate.Close(); err != nil {
				errs[i] = fmt.Errorf("close the transport %s, which has no peers: %w", w.Name, err)
			}
		}()
	}
	all.Wait()
	return errors.Join(errs...)
}
