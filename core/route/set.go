package route

import (
	"fmt"
	"strconv"
	"strings"
)

// A set is a set of hosts, by id. Its text lists runs: "1-3,5"; that of an empty one is "".
type set []bool

// runs calls do for each run of hosts in turn.
func (s set) runs(do func(first, last int)) {
	for i := 0; i < len(s); i++ {
		if !s[i] {
			continue
		}
		first := i
		for i+1 < len(s) && s[i+1] {
			i++
		}
		do(first, i)
	}
}

func (s set) empty() bool {
	for _, in := range s {
		if in {
			return false
		}
	}
	return true
}

// text returns the set, without those runs that do not fit into so many bytes.
func (s set) text(most int) string {
	var b strings.Builder
	s.runs(func(first, last int) {
		run := strconv.Itoa(first)
		if last > first {
			run += "-" + strconv.Itoa(last)
		}
		if b.Len() > 0 {
			run = "," + run
		}
		if b.Len()+len(run) <= most {
			b.WriteString(run)
		} else {
			most = 0
		}
	})
	return b.String()
}

// parseSet is the inverse of text in a job of so many hosts.
func parseSet(text string, hosts int) (set, error) {
	s := make(set, hosts)
	if text == "" {
		return s, nil
	}
	next := 0
	for run := range strings.SplitSeq(text, ",") {
		from, to, isRange := strings.Cut(run, "-")
		first, err := strconv.ParseUint(from, 10, 31)
		last := first
		if err == nil && isRange {
			last, err = strconv.ParseUint(to, 10, 31)
		}
		if err != nil || int(first) < next || last < first || int(last) >= hosts {
			return nil, fmt.Errorf("%.20q in a list of hosts below %d", run, hosts)
		}
		for i := first; i <= last; i++ {
			s[i] = true
		}
		next = int(last) + 1
	}
	return s, nil
}
