package conf

import (
	"fmt"
	"slices"
)

// isSpare is the word that ends the line of a machine which only comes into play when another does not answer.
const isSpare = "spare"

// split parts the hosts of a file into those that a job begins with and those that are spare.
func split(hosts []Host) (used, spares []Host) {
	for _, h := range hosts {
		if h.Spare {
			spares = append(spares, h)
		} else {
			used = append(used, h)
		}
	}
	return used, spares
}

// without returns hosts less the machines of those names. The places that are lost are taken by spares, in their order; a spare without
// a number of slots takes those of one machine. Where there are no more spares the job gets smaller, if that is allowed.
func without(path string, hosts, spares []Host, names []string, fewer bool) ([]Host, error) {
	gone := func(h Host) bool {
		return slices.ContainsFunc(names, func(name string) bool { return canonical(name) == canonical(h.Name) })
	}
	free := make([]int, len(spares))    // places
	heir := make([]string, len(spares)) // of which machine, for one without a number
	for i, s := range spares {
		free[i] = s.Slots
	}
	var kept []Host
	for _, h := range hosts {
		if !gone(h) {
			kept = append(kept, h)
			continue
		}
		need := h.Slots
		for i, s := range spares {
			take := min(need, free[i])
			if mine := canonical(h.Name); s.Slots == 0 && (heir[i] == "" || heir[i] == mine) && !gone(s) && need > 0 {
				take, heir[i] = need, mine
			}
			if take == 0 || gone(s) {
				continue
			}
			free[i] = max(0, free[i]-take)
			need -= take
			kept = append(kept, Host{Name: s.Name, User: s.User, Slots: take, Line: s.Line})
		}
		if need > 0 && !fewer {
			return nil, fmt.Errorf("%s has no spare machine left for %s: add one, as in \"node9 spare\", or set JIA_RESTART_HOSTS=fewer",
				path, shown(h.Name))
		}
	}
	if len(kept) == 0 {
		return nil, fmt.Errorf("none of the machines in %s answers", path)
	}
	return kept, nil
}
