package route

import (
	"fmt"
	"net/url"
	"strings"
)

// What a host says in the second round: "shm=1-3;rdma=1-7!8:reason", for each way the peers that it works with, and behind a "!"
// peers that it was tried with in vain, with the reason.

// mostReasons is how many different reasons for each way travel.
const mostReasons = 3

// A verdict is what one host has found out about one way.
type verdict struct {
	works   set
	reasons []reason
}

// A reason is why a way does not work with some peers.
type reason struct {
	hosts set
	why   string
}

// judge makes a verdict of what Try returned, for a host with the given id and the cards of all.
func judge(self int, cards []string, refused []error) verdict {
	v := verdict{works: make(set, len(cards))}
	index := make(map[string]int)
	for host, text := range cards {
		if host == self || text == "" {
			continue
		}
		if host < len(refused) && refused[host] == nil {
			v.works[host] = true
			continue
		}
		why := "it was not tried"
		if host < len(refused) {
			why = refused[host].Error()
		}
		i, known := index[why]
		if !known {
			i = len(v.reasons)
			index[why] = i
			v.reasons = append(v.reasons, reason{hosts: make(set, len(cards)), why: why})
		}
		v.reasons[i].hosts[host] = true
	}
	return v
}

// encodeVerdicts returns the text of a host, of at most so many bytes. What does not fit is left out: reasons, and then peers, which
// are reached in another way then.
func encodeVerdicts(names []string, verdicts []verdict, most int) string {
	texts := make([]string, len(names))
	left := most
	for i, v := range verdicts {
		room := left - 2*(len(names)-i)
		for _, later := range names[i:] {
			room -= len(later)
		}
		texts[i] = names[i] + "=" + v.works.text(room)
		left -= len(texts[i]) + 1
	}
	for i, v := range verdicts {
		for k, r := range v.reasons {
			text := "!" + r.hosts.text(left/2) + ":" + url.QueryEscape(cut(r.why))
			if k == mostReasons || len(text) > left {
				break
			}
			texts[i] += text
			left -= len(text)
		}
	}
	return strings.Join(texts, ";")
}

// decodeVerdicts reads such a text.
func decodeVerdicts(names []string, text string, hosts int) ([]verdict, error) {
	parts := strings.Split(text, ";")
	if len(parts) != len(names) {
		return nil, fmt.Errorf("%d verdicts on %d transports", len(parts), len(names))
	}
	verdicts := make([]verdict, len(names))
	for i, part := range parts {
		rest, named := strings.CutPrefix(part, names[i]+"=")
		if !named {
			return nil, fmt.Errorf("%.40q is no verdict on transport %s", part, names[i])
		}
		words := strings.Split(rest, "!")
		var err error
		if verdicts[i].works, err = parseSet(words[0], hosts); err != nil {
			return nil, err
		}
		for _, word := range words[1:] {
			list, escaped, _ := strings.Cut(word, ":")
			refused, err := parseSet(list, hosts)
			if err != nil {
				return nil, err
			}
			why, err := url.QueryUnescape(escaped)
			if err != nil {
				return nil, fmt.Errorf("a reason: %w", err)
			}
			verdicts[i].reasons = append(verdicts[i].reasons, reason{refused, why})
		}
	}
	return verdicts, nil
}

// why returns the reason that a verdict has about a host, "" for none.
func (v *verdict) why(host int) string {
	for _, r := range v.reasons {
		if r.hosts[host] {
			return r.why
		}
	}
	return ""
}
