package route

import (
	"errors"
	"testing"

	"jiajia/core"
)

// A sharer is a candidate that can keep words of locks.
type sharer struct {
	*fake
	shares int
}

func (s *sharer) ShareLocks() { s.shares++ }

func (s *sharer) LockWords() (core.LockWords, core.LockID, int) { return nil, 0, 0 }

// TestLocksAreSharedByAllOrNone: a host that reaches all others must not share its locks when two of these do not reach each other.
func TestLocksAreSharedByAllOrNone(t *testing.T) {
	for _, split := range []bool{false, true} {
		var ways [][]Way
		var sharers []*sharer
		for host := range 3 {
			s := &sharer{fake: &fake{card: "here", refuses: func(peer int) error {
				if split && host+peer == 3 {
					return errors.New("out of memory")
				}
				return nil
			}}}
			sharers = append(sharers, s)
			ways = append(ways, []Way{{Name: "shm", Words: "shared memory", Candidate: s}, {Name: "tcp", Words: "TCP", Candidate: always()}})
		}
		plans, errs := agree(t, ways)
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		for host, p := range plans {
			tr, err := p.Transport(0)
			if err != nil {
				t.Fatal(err)
			}
			if want := map[bool]int{false: 1, true: 0}[split]; sharers[host].shares != want {
				t.Errorf("split %v: host %d shares its locks %d times", split, host, sharers[host].shares)
			}
			if err := tr.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
