package route

import (
	"fmt"
	"strings"
)

// mostRuns is how many runs of hosts a line names.
const mostRuns = 8

// words lists hosts for a person: "host 3", "hosts 1-3 and 5", "hosts 1, 3, 5, 7, 9, 11, 13, 15 and 40 more".
func (s set) words() string {
	var runs []string
	hosts, named := 0, 0
	s.runs(func(first, last int) {
		hosts += last - first + 1
		if len(runs) == mostRuns {
			return
		}
		named += last - first + 1
		run := fmt.Sprint(first)
		if last > first {
			run = fmt.Sprintf("%d-%d", first, last)
		}
		runs = append(runs, run)
	})
	if hosts > named {
		runs = append(runs, fmt.Sprintf("%d more", hosts-named))
	}
	end := len(runs) - 1
	list := strings.Join(runs[:max(end, 0)], ", ")
	if end > 0 {
		list += " and "
	}
	if end >= 0 {
		list += runs[end]
	}
	if hosts == 1 {
		return "host " + list
	}
	return "hosts " + list
}

// Words says in one line which peers are reached in which way: "hosts 1-3 by shared memory, hosts 4-7 by RDMA, host 8 by TCP".
func (p *Plan) Words() string {
	var parts []string
	for i, w := range p.ways {
		if hosts := p.hosts(i); !hosts.empty() {
			parts = append(parts, hosts.words()+" by "+w.Words)
		}
	}
	return strings.Join(parts, ", ")
}

// Missed says why a way is not used with peers for which only later ones were left: one line for each reason, of which the first few
// are told. What a host lacks comes before what was met in trying.
func (p *Plan) Missed(name string) []string {
	var lines []string
	for i, w := range p.ways {
		if w.Name != name {
			continue
		}
		index := make(map[string]int)
		var hosts []set
		var whys []string
		for host, way := range p.way {
			if host == p.self || way <= i {
				continue
			}
			why := p.reason(i, host)
			at, known := index[why]
			switch {
			case known:
			case len(whys) > mostReasons:
				at = mostReasons
			default:
				if len(whys) == mostReasons {
					why = "for other reasons"
				}
				at = len(whys)
				index[why] = at
				whys = append(whys, why)
				hosts = append(hosts, make(set, len(p.way)))
			}
			hosts[at][host] = true
		}
		for k, why := range whys {
			lines = append(lines, fmt.Sprintf("%s is not possible with %s: %s", w.Words, hosts[k].words(), why))
		}
	}
	return lines
}

// reason says why this host does not use a way with another one, in words that are the same for all hosts of which the same is true.
func (p *Plan) reason(way, host int) string {
	t := &p.table
	if c := t.cards[p.self][way]; c.text == "" {
		return "this host: " + c.why
	}
	if c := t.cards[host][way]; c.text == "" {
		return "there: " + c.why
	}
	if why := t.verdicts[p.self][way].why(host); why != "" {
		return why
	}
	if why := t.verdicts[host][way].why(p.self); why != "" {
		return "as found there: " + why
	}
	return "it was tried in vain"
}
