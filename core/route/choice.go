package route

import "fmt"

// A table is what all hosts have said, by host and way.
type table struct {
	names    []string
	cards    [][]card
	verdicts [][]verdict
}

// none is the way of a pair that has none.
const none = -1

// choose returns the way that two hosts use: the first that both found to work. It is the same seen from both ends.
func (t *table) choose(a, b int) int {
	for way := range t.names {
		if t.verdicts[a][way].works[b] && t.verdicts[b][way].works[a] {
			return way
		}
	}
	return none
}

// why says what keeps two hosts from using a way: what they lack, or what the first of them, or else the second, met.
func (t *table) why(way, a, b int) string {
	for _, host := range []int{a, b} {
		if c := t.cards[host][way]; c.text == "" {
			return fmt.Sprintf("host %d: %s", host, c.why)
		}
	}
	for _, ends := range [][2]int{{a, b}, {b, a}} {
		if why := t.verdicts[ends[0]][way].why(ends[1]); why != "" {
			return fmt.Sprintf("host %d: %s", ends[0], why)
		}
	}
	return fmt.Sprintf("hosts %d and %d tried it in vain", a, b)
}
