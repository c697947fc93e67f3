package main

import (
	"fmt"

	"jiajia/ckpt"
)

// verify reads each part once, also if several generations build on it.
func verify(s *ckpt.Store, generations []uint64, here bool, out *output) error {
	checked := map[uint64]error{} // by generation, without what it builds on
	bad := 0
	for _, g := range generations {
		m, err := s.Manifest(g)
		var chain []*ckpt.Manifest
		if err == nil {
			chain, err = s.Chain(m)
		}
		for _, m := range chain {
			result, done := checked[m.Generation]
			if !done {
				result = verifyParts(s, m, here)
				checked[m.Generation] = result
			}
			if err == nil {
				err = result
			}
		}
		if err != nil {
			bad++
			out.printf("generation %d: %v\n", g, err)
		} else {
			out.printf("generation %d: good%s\n", g, over(chain))
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d generations cannot be restored", bad, len(generations))
	}
	return nil
}

func over(chain []*ckpt.Manifest) string {
	if len(chain) == 1 {
		return ""
	}
	return fmt.Sprintf(", with the %d that it builds on", len(chain)-1)
}

func verifyParts(s *ckpt.Store, m *ckpt.Manifest, here bool) error {
	hosts, err := s.Here(m)
	if err != nil {
		return err
	}
	if len(hosts) < m.Hosts && !here {
		return fmt.Errorf("of its %d parts, %d are here (--here checks those alone)", m.Hosts, len(hosts))
	}
	for _, host := range hosts {
		if err := s.VerifyPart(m, host); err != nil {
			return err
		}
	}
	return nil
}
