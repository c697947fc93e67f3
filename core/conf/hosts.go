package conf

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// HostsFile is the name of the hosts file that is looked for in the working directory.
const HostsFile = ".jiahosts"

// A Host is a line of a hosts file.
type Host struct {
	Name  string // a host name, or an address without brackets
	User  string // to log in as; "": whom ssh chooses
	Slots int    // processes that run there, 1 to MaxLocalHosts; of a spare machine at most, 0 for as many as another one's
	Spare bool   // it takes the place of a machine that does not answer
	Line  int    // of the file, from 1 on
}

// Places returns how many processes the hosts have room for.
func Places(hosts []Host) int {
	sum := 0
	for _, h := range hosts {
		sum += h.Slots
	}
	return sum
}

// hostLine is what a line of a hosts file looks like.
const hostLine = `"name-or-address [user [password]] [slots=N] [spare]"`

// ParseHosts reads a hosts file: one line for each host in the order of ranks, of which the first is the master. A host
// may be there more than once. path is only for messages. The error is one line that names file and line, what was
// found and what was expected; it never repeats a word that may be a password.
func ParseHosts(path string, text []byte) (hosts []Host, warnings []string, err error) {
	var passwords []int // lines
	places := 0
	byName := map[string]int{} // places
	for number, line := range lines(text) {
		h, password, err := parseHost(line)
		if err != nil {
			return nil, nil, fmt.Errorf("%s:%d: %w", path, number, err)
		}
		h.Line = number
		if password {
			passwords = append(passwords, number)
		}
		name := canonical(h.Name)
		places += h.Slots
		byName[name] += h.Slots
		switch {
		case byName[name] > MaxLocalHosts:
			return nil, nil, fmt.Errorf("%s:%d: up to this line %s has %d processes, expected at most %d on one machine: "+
				"lower its slots or remove lines", path, number, shown(h.Name), byName[name], MaxLocalHosts)
		case places > MaxHosts:
			return nil, nil, fmt.Errorf("%s:%d: up to this line there are %d processes, expected at most %d in a job: "+
				"lower slots or remove lines", path, number, places, MaxHosts)
		}
		hosts = append(hosts, h)
	}
	if used, _ := split(hosts); len(used) == 0 {
		return nil, nil, fmt.Errorf("%s: found no host, expected a line %s for each host, the first being the master: "+
			"add them, or remove the file to run on this machine alone", path, hostLine)
	}
	if passwords != nil {
		warnings = append(warnings, fmt.Sprintf("%s:%d: passwords are ignored, in this line%s: remove them from the file, "+
			"and let ssh log in with a key (ssh-keygen, ssh-copy-id)", path, passwords[0], andMore(len(passwords)-1)))
	}
	return hosts, warnings, nil
}

func andMore(lines int) string {
	switch lines {
	case 0:
		return ""
	case 1:
		return " and one more"
	}
	return fmt.Sprintf(" and %d more", lines)
}

// parseHost reads a line, which is not empty.
func parseHost(line string) (h Host, password bool, err error) {
	words := strings.Fields(line)
	h.Slots = 1
	if last := words[len(words)-1]; len(words) > 1 && last == isSpare {
		h.Slots, h.Spare = 0, true
		words = words[:len(words)-1]
	}
	if last := words[len(words)-1]; len(words) > 1 && isSlots(last) {
		if h.Slots, err = parseSlots(last); err != nil {
			return Host{}, false, err
		}
		words = words[:len(words)-1]
	}
	at := strings.LastIndexByte(words[0], '@')
	host, ok := hostName(words[0][at+1:])
	if !ok {
		return Host{}, false, fmt.Errorf("found %s, expected a host name or an address first, as in %s; "+
			"a port belongs in ssh's own configuration", shown(words[0][at+1:]), hostLine)
	}
	h.Name = host
	for _, word := range words[1:] {
		if isSlots(word) {
			return Host{}, false, errors.New("found slots among other words, expected slots=N once, without spaces, as the last word")
		}
	}
	switch {
	case at >= 0:
		h.User = words[0][:at]
		if len(words) > 1 {
			return Host{}, false, errors.New("found another word behind user@host, expected nothing or slots=N there: " +
				"remove the rest of the line")
		}
	case len(words) > 3:
		return Host{}, false, fmt.Errorf("found %d words, expected %s: remove the rest of the line", len(words), hostLine)
	case len(words) > 1:
		h.User = words[1]
	}
	if (at >= 0 || h.User != "") && !userName(h.User) {
		name, _, _ := strings.Cut(h.User, ":") // what follows may be a password
		return Host{}, false, fmt.Errorf("found %s where the user belongs, expected a user's name, as in %s", shown(name), hostLine)
	}
	if password = len(words) == 3; password && isOption(words[2]) {
		return Host{}, false, errors.New("found an option that is not known as the third word, expected a password or slots=N")
	}
	return h, password, nil
}

// isSlots tells whether word is meant to say how many processes run on a host.
func isSlots(word string) bool {
	return word == "slots" || strings.HasPrefix(word, "slots=")
}

func parseSlots(word string) (int, error) {
	_, value, _ := strings.Cut(word, "=")
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > MaxLocalHosts {
		return 0, fmt.Errorf("found %s, expected slots=N with a whole number from 1 to %d", shown(word), MaxLocalHosts)
	}
	return n, nil
}

// isOption tells whether word has the form slots=N has, such as max-slots=4.
func isOption(word string) bool {
	name, value, found := strings.Cut(word, "=")
	return found && name != "" && value != "" && only(name, "-_") && strings.Trim(value, "0123456789") == ""
}

// canonical is the same for different spellings of one name or address.
func canonical(name string) string {
	if address, err := netip.ParseAddr(name); err == nil {
		return address.String()
	}
	return strings.ToLower(name)
}
