package conf

import (
	"slices"
	"strconv"
)

const regionGranule = 4096 // bytes: the smallest page, of which the region is made

func setNProc(s *Settings, value string) bool {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > MaxLocalHosts {
		return false
	}
	s.NProc = n
	return true
}

func setRegionSize(s *Settings, value string) bool {
	n, ok := parseBytes(value)
	if !ok || n%regionGranule != 0 || n < MinRegionSize || n > MaxRegionSize {
		return false
	}
	s.RegionSize = n
	return true
}

// parseBytes reads a number of bytes such as "4096", "64G" or "1t". It refuses signs, fractions and overflow.
func parseBytes(value string) (bytes uint64, ok bool) {
	shift := 0
	if len(value) > 0 {
		switch value[len(value)-1] {
		case 'K', 'k':
			shift = 10
		case 'M', 'm':
			shift = 20
		case 'G', 'g':
			shift = 30
		case 'T', 't':
			shift = 40
		}
	}
	if shift > 0 {
		value = value[:len(value)-1]
	}
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil || n > (1<<64-1)>>shift {
		return 0, false
	}
	return n << shift, true
}

func oneOf[T comparable](value T, allowed ...T) bool {
	return slices.Contains(allowed, value)
}
