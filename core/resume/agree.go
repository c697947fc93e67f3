package resume

import (
	"encoding/json"
	"errors"
	"fmt"

	"jiajia/ckpt"
)

// proposal is what host 0 says about a generation that could be used. With an error in it there is none left.
type proposal struct {
	Dir   string           `json:",omitempty"` // where host 0 looks
	Chain []*ckpt.Manifest `json:",omitempty"` // only the first one has its state
	Error string           `json:",omitempty"`
}

// Agree finds the checkpoint to begin from. It is collective. The plan is nil when host 0 wants no restore. After an error, which is a line for
// the user, the job cannot start.
func Agree(c Config) (*Plan, error) {
	own := silent
	if c.Rank == 0 && c.Want != "" {
		own = "restore"
	}
	texts, err := c.round(own)
	if err != nil {
		return nil, fmt.Errorf("ask host 0 what to begin from: %w", err)
	}
	if texts[0] == silent {
		return nil, nil
	}
	var list *candidates
	if c.Rank == 0 {
		list = newCandidates(&c)
	}
	for {
		var mine, next proposal
		if list != nil {
			mine = list.next()
		}
		if err := c.tell(mine, &next); err != nil {
			return nil, err
		}
		if next.Error != "" {
			return nil, errors.New(next.Error)
		}
		p, err := c.plan(&next)
		if err != nil {
			return nil, err
		}
		why, err := c.check(p)
		if err != nil {
			return nil, err
		}
		if why == "" {
			return p, nil
		}
		if list != nil {
			list.refuse(p.Generation, why)
		}
	}
}

// plan makes a plan of a proposal, without readers.
func (c *Config) plan(next *proposal) (*Plan, error) {
	if len(next.Chain) == 0 {
		return nil, errors.New("host 0 has proposed no checkpoint")
	}
	p := &Plan{Generation: next.Chain[0].Generation, Chain: next.Chain}
	if err := json.Unmarshal(next.Chain[0].State, &p.Saved); err != nil {
		return nil, fmt.Errorf("checkpoint %d: %w", p.Generation, err)
	}
	dir := next.Dir
	if c.Want != "" {
		dir, _ = ckpt.Place(c.Want)
	}
	p.Dir = c.absolute(dir)
	p.Store = ckpt.Open(p.Dir)
	return p, nil
}

// check finds a reader for each part and has them read it. why says what keeps the generation from being used.
func (c *Config) check(p *Plan) (why string, err error) {
	all, err := hear(c, here(p))
	if err != nil {
		return "", err
	}
	var missing string
	p.Readers, missing = assign(p.Chain, all)
	if missing != "" {
		return missing, nil
	}
	said, err := c.work(func() string { return verify(p, c.Rank) })
	if err != nil {
		return "", err
	}
	for host, what := range said {
		if what != "" {
			if c.Size > 1 {
				what = fmt.Sprintf("host %d: %s", host, what)
			}
			return what, nil
		}
	}
	return "", nil
}

// here returns, as a set of bits, of which hosts the parts of all generations of a chain are in this host's directory.
func here(p *Plan) []byte {
	hosts := p.Chain[0].Hosts
	count := make([]int, hosts)
	for _, m := range p.Chain {
		list, err := p.Store.Here(m)
		if err != nil {
			return nil // whoever needs them will see it
		}
		for _, h := range list {
			if h >= 0 && h < hosts {
				count[h]++
			}
		}
	}
	set := make([]byte, (hosts+7)/8)
	for h, n := range count {
		if n == len(p.Chain) {
			set[h/8] |= 1 << (h % 8)
		}
	}
	return set
}

// assign gives each part to a host that has it: that of the same number, modulo the hosts there are now, or else one of those that have the
// fewest so far. missing says whose part nobody has.
func assign(chain []*ckpt.Manifest, have [][]byte) (readers []int, missing string) {
	parts, size := chain[0].Hosts, len(have)
	readers = make([]int, parts)
	load := make([]int, size)
	sees := func(host, part int) bool { return part/8 < len(have[host]) && have[host][part/8]&(1<<(part%8)) != 0 }
	for part := range readers {
		if readers[part] = part % size; sees(readers[part], part) {
			load[readers[part]]++
		} else {
			readers[part] = -1
		}
	}
	for part := range readers {
		for host := 0; host < size && readers[part] != part%size; host++ {
			if sees(host, part) && (readers[part] < 0 || load[host] < load[readers[part]]) {
				readers[part] = host
			}
		}
		if readers[part] < 0 {
			return nil, fmt.Sprintf("the part of host %d is in the directory of no host", part)
		}
		if readers[part] != part%size {
			load[readers[part]]++
		}
	}
	return readers, ""
}

// verify reads every byte of the parts that this host is to read, and says what is wrong with one.
func verify(p *Plan, rank int) string {
	for part, reader := range p.Readers {
		if reader != rank {
			continue
		}
		for _, m := range p.Chain {
			if err := p.Store.VerifyPart(m, part); err != nil {
				return err.Error()
			}
		}
	}
	return ""
}
