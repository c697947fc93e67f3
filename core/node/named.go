package node

import (
	"fmt"
	"time"

	"jiajia/core"
	"jiajia/core/stats"
	"jiajia/core/wire"
)

// named counts what concerns the pages of allocations with a name, by the index of the name in core.Machine.Names. It is guarded by
// Node.mu. While no allocation has a name there are no rows, and nothing is looked up.
type named struct {
	rows    []stats.Row // of which stats.NamedFields count
	asked   bool        // the program has opened or closed a window
	stopped bool        // it has closed the last one
}

// grow makes room for so many names.
func (c *named) grow(names int) {
	for len(c.rows) < names {
		c.rows = append(c.rows, stats.Row{})
	}
}

// window does what stats.Window does to the counts of the host.
func (c *named) window(open bool) {
	if open && !c.asked {
		clear(c.rows)
	}
	c.asked, c.stopped = true, !open
}

// charge counts an event of count pages from p on. Called under mu.
func (n *Node) charge(f stats.Field, p core.PageID, count uint64) {
	if len(n.named.rows) > 0 {
		n.chargeRun(f, p, count)
	}
}

func (n *Node) chargeRun(f stats.Field, p core.PageID, count uint64) {
	for count > 0 && !n.named.stopped {
		name, run := n.machine.Named(p)
		run = min(run, count)
		if name >= 0 {
			n.named.rows[name][f] += run
		}
		p, count = p+core.PageID(run), count-run
	}
}

// chargeList counts an event of each of some pages. Called under mu.
func (n *Node) chargeList(f stats.Field, pages []core.PageID) {
	if len(n.named.rows) == 0 {
		return
	}
	for _, p := range pages {
		n.chargeRun(f, p, 1)
	}
}

// chargeCall counts a call of t that is done and has waited so long, if it is a fault. Called under mu.
func (n *Node) chargeCall(t *thread, waited time.Duration) {
	if t.call != callFault || len(n.named.rows) == 0 || n.named.stopped {
		return
	}
	name, _ := n.machine.Named(t.page)
	if name < 0 {
		return
	}
	r := &n.named.rows[name]
	if t.write {
		r[stats.WriteFaults]++
	} else {
		r[stats.ReadFaults]++
	}
	r[stats.Faulting] += uint64(waited)
}

// A charged is what a host has counted under one of its names.
type charged struct {
	call uint64 // core.Name.Call
	row  stats.Row
}

// charges returns what was counted under the names under which anything was.
func (c *named) charges(names []core.Name) (list []charged) {
	for i, r := range c.rows {
		if r != (stats.Row{}) {
			list = append(list, charged{names[i].Call, r})
		}
	}
	return list
}

// gathered is all that a host tells of itself at the end of a job.
type gathered struct {
	row     stats.Row
	charges []charged
}

// chargeLen is how many numbers tell of one name.
const chargeLen = 1 + len(stats.NamedFields)

// append appends a host's numbers as they travel: the host, its row, how many names follow, and of each of these the call and
// stats.NamedFields.
func (g *gathered) append(numbers []uint64, host wire.HostID) []uint64 {
	numbers = append(append(numbers, uint64(host)), g.row[:]...)
	numbers = append(numbers, uint64(len(g.charges)))
	for i := range g.charges {
		numbers = append(numbers, g.charges[i].call)
		for _, f := range stats.NamedFields {
			numbers = append(numbers, g.charges[i].row[f])
		}
	}
	return numbers
}

// parseGathered puts what append has made of some hosts into known, by host. It goes as far as it understands.
func parseGathered(numbers []uint64, known []*gathered) error {
	const fixed = 1 + stats.Len + 1
	for len(numbers) > 0 {
		if len(numbers) < fixed || numbers[fixed-1] > uint64(len(numbers)-fixed)/uint64(chargeLen) {
			return fmt.Errorf("statistics cut short: %d numbers left over", len(numbers))
		}
		host, names := numbers[0], numbers[fixed-1]
		if host >= uint64(len(known)) {
			return fmt.Errorf("numbers of a host %d, which does not exist", host)
		}
		g := &gathered{row: stats.Row(numbers[1 : 1+stats.Len])}
		numbers = numbers[fixed:]
		for range names {
			c := charged{call: numbers[0]}
			for i, f := range stats.NamedFields {
				c.row[f] = numbers[1+i]
			}
			g.charges = append(g.charges, c)
			numbers = numbers[chargeLen:]
		}
		known[host] = g
	}
	return nil
}

// underNames returns what the hosts have counted under the names that this one gives to the same allocations. Where it gave none, that
// of a host which tells more names apart, it is under core.OtherName.
func underNames(names []core.Name, known []*gathered) []stats.Named {
	list := make([]stats.Named, len(names))
	at := make(map[uint64]int, len(names)) // by call
	other := -1
	for i, n := range names {
		list[i].Name, at[n.Call] = n.Name, i
		if n.Name == core.OtherName {
			other = i
		}
	}
	for h, g := range known {
		if g == nil {
			continue
		}
		rows := make(map[int]stats.Row)
		for _, c := range g.charges {
			i, ok := at[c.call]
			if !ok {
				if other < 0 {
					other, list = len(list), append(list, stats.Named{Name: core.OtherName})
				}
				i = other
			}
			rows[i] = rows[i].Plus(c.row)
		}
		for i, r := range rows {
			list[i].Hosts = append(list[i].Hosts, stats.Host{Host: h, Row: r})
		}
	}
	return list
}
