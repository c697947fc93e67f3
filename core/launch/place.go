package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"jiajia/core/conf"
	"jiajia/core/keep"
	"jiajia/core/reach"
)

// Options say where and how the hosts of a job are started.
type Options struct {
	// Machines in the order of the ranks; the first must be the one that this process runs on. A machine may stand
	// there more than once, and is reached by one connection all the same.
	Machines []Machine

	Args      []string       // of every host, the program's name included; nil for those of this process as they are now
	Dir       string         // working directory of the hosts: here, and elsewhere if it exists there; "" for the present one
	Env       []string       // NAME=value: variables that every host but this process gets
	Export    []string       // names of variables whose values hosts on other machines get from here
	TagOutput bool           // begin each line of the output with the host's rank, as in "[3] "
	SSH       []string       // the command that reaches other machines; nil for ssh
	Keeper    *keep.Reporter // to tell how the job ends, and owned by the call; nil if nobody wants to know
	Network   string         // hosts talk over this interface, IP address or network (10.1.0.0/16); "" for the way that ssh takes

	// PeerTimeout is after what silence hosts take each other for lost, or 0. Connections with other machines are given no less.
	PeerTimeout time.Duration
}

// A Machine is one line of a list of hosts.
type Machine struct {
	Name  string // host name, IP address or an alias of the user's ssh configuration
	User  string // to log in as; "" leaves that to ssh
	Hosts int    // processes to start there, at least 1
}

// A plan is what host 0 tells the supervisor about the hosts to start.
type plan struct {
	Sites   []site   `json:"sites"` // the first is the supervisor's own machine
	Env     texts    `json:"env,omitempty"`
	Export  []string `json:"export,omitempty"`
	Tag     bool     `json:"tag,omitempty"`
	SSH     texts    `json:"ssh,omitempty"`
	Network string   `json:"network,omitempty"`
	Silence int      `json:"silence,omitempty"` // Options.PeerTimeout in whole seconds, rounded up
}

// A site is one machine with its hosts.
type site struct {
	Name  string `json:"name"`
	User  string `json:"user,omitempty"`
	Ranks []int  `json:"ranks"` // ascending, at least one
}

// resolveLimit is how long the names of machines may take to resolve. A name that takes longer is another machine's.
const resolveLimit = 5 * time.Second

// makePlan gives every host its rank and every machine its hosts.
func makePlan(o Options) (*plan, error) {
	here, err := thisMachine(o.Machines)
	if err != nil {
		return nil, err
	}
	p := &plan{Env: o.Env, Export: o.Export, Tag: o.TagOutput, SSH: o.SSH, Network: o.Network,
		Silence: int((o.PeerTimeout + time.Second - 1) / time.Second)}
	if len(p.SSH) == 0 {
		p.SSH = []string{"ssh"}
	}
	index := make(map[Machine]int)
	rank := 0
	for i, m := range o.Machines {
		key := Machine{Name: strings.ToLower(m.Name), User: m.User}
		if here[i] {
			key = Machine{} // by whatever name
		}
		at, known := index[key]
		if !known {
			at = len(p.Sites)
			index[key] = at
			p.Sites = append(p.Sites, site{Name: m.Name, User: m.User})
		}
		if m.Hosts < 1 || m.Hosts > maxHosts-rank {
			return nil, fmt.Errorf("%d hosts on %s: a job has from 1 to %d", m.Hosts, m.Name, maxHosts)
		}
		for range m.Hosts {
			p.Sites[at].Ranks = append(p.Sites[at].Ranks, rank)
			rank++
		}
	}
	return p, p.check()
}

// thisMachine reports for each machine whether it is this one. The first must be.
func thisMachine(machines []Machine) ([]bool, error) {
	if len(machines) == 0 {
		return nil, errors.New("the list of machines is empty: name this one first, then the others")
	}
	ctx, cancel := context.WithTimeout(context.Background(), resolveLimit)
	defer cancel()
	here := make([]bool, len(machines))
	var all sync.WaitGroup
	limit := make(chan bool, 32)
	for i, m := range machines {
		all.Add(1)
		go func() {
			defer all.Done()
			limit <- true
			here[i] = reach.ThisMachine(ctx, m.Name)
			<-limit
		}()
	}
	all.Wait()
	if !here[0] {
		name, err := os.Hostname()
		if err != nil {
			name = "this machine"
		}
		return nil, fmt.Errorf("host 0 is to run on %s, but this is %s: put this machine first in the list, or start the program on %s",
			machines[0].Name, name, machines[0].Name)
	}
	return here, nil
}

// size returns the number of hosts.
func (p *plan) size() (n int) {
	for _, s := range p.Sites {
		n += len(s.Ranks)
	}
	return n
}

// check reports the first thing that a plan must not contain: what it holds ends up on command lines.
func (p *plan) check() error {
	size := p.size()
	if size < 1 || size > maxHosts {
		return fmt.Errorf("a job of %d hosts: from 1 to %d are possible", size, maxHosts)
	}
	taken := make([]bool, size)
	for i, s := range p.Sites {
		if s.Name == "" || strings.ContainsFunc(s.Name+s.User, notInName) {
			return fmt.Errorf("%q with user %q is no machine", s.Name, s.User)
		}
		if len(s.Ranks) < 1 || len(s.Ranks) > conf.MaxLocalHosts {
			return fmt.Errorf("%d hosts on %s: from 1 to %d are possible on one machine", len(s.Ranks), s.Name, conf.MaxLocalHosts)
		}
		for _, rank := range s.Ranks {
			if rank < 0 || rank >= size || taken[rank] || rank == 0 && i > 0 {
				return fmt.Errorf("host %d on %s: two hosts claim one rank", rank, s.Name)
			}
			taken[rank] = true
		}
		if !slices.IsSorted(s.Ranks) {
			return fmt.Errorf("the ranks on %s are not in order", s.Name)
		}
	}
	if len(p.Sites) > 1 && (len(p.SSH) == 0 || p.SSH[0] == "") {
		return errors.New("no command to reach other machines")
	}
	return nil
}

func notInName(r rune) bool { return r <= ' ' || r == 0x7f }
