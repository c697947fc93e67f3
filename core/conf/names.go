package conf

import (
	"net/netip"
	"strings"
)

// Longest names, in bytes: of the domain name system, of a Linux interface, and of any user we have heard of.
const (
	maxHostName  = 253
	maxInterface = 15
	maxUserName  = 256
)

// hostName returns word as programs take it: a host name, or an address, whose brackets are removed; ok is false when it
// is neither. What it accepts does not begin with '-' and has no character that a shell would interpret.
func hostName(word string) (name string, ok bool) {
	if inside, found := strings.CutPrefix(word, "["); found {
		inside, found = strings.CutSuffix(inside, "]")
		return inside, found && strings.Contains(inside, ":") && isAddress(inside)
	}
	if isAddress(word) {
		return word, true
	}
	if word == "" || len(word) > maxHostName || strings.ContainsRune("-.", rune(word[0])) || strings.Contains(word, "..") {
		return "", false
	}
	return word, only(word, "-._") && !numeric(word)
}

// userName tells whether word may be a user's name for ssh. Directory services have names such as DOMAIN\user and
// user@domain.
func userName(word string) bool {
	return word != "" && len(word) <= maxUserName && word[0] != '-' && word[0] != '@' && only(word, `-._+@\`)
}

// isAddress tells whether word is an IP address; one of IPv6 may have a zone.
func isAddress(word string) bool {
	address, err := netip.ParseAddr(word)
	return err == nil && (address.Zone() == "" || isInterface(address.Zone()))
}

// isInterface tells whether word may be the name of a network interface.
func isInterface(word string) bool {
	return word != "" && len(word) <= maxInterface && word[0] != '-' && word != "." && word != ".." && only(word, "-._")
}

// only tells whether word consists of ASCII letters, digits and the characters in more.
func only(word, more string) bool {
	for i := range len(word) {
		c := word[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (c < '0' || c > '9') && strings.IndexByte(more, c) < 0 {
			return false
		}
	}
	return true
}

// numeric tells whether word has only digits and dots, as an address that is not quite one has.
func numeric(word string) bool {
	return strings.Contains(word, ".") && strings.Trim(word, "0123456789.") == ""
}
