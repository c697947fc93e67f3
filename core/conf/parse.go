package conf

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

const regionGranule = 4096 // bytes: the smallest page, of which the region is made

// An access is how the value of a setting, as text, gets into Settings and out again.
type access struct {
	set func(s *Settings, value string) bool // value is not empty; false: it is not acceptable
	get func(s *Settings) string             // a value that set would take; "": none was set
}

// text is a setting that may be any text that valid accepts.
func text[T ~string](field func(*Settings) *T, valid func(string) bool) access {
	return access{
		set: func(s *Settings, value string) bool {
			*field(s) = T(value)
			return valid(value)
		},
		get: func(s *Settings) string { return string(*field(s)) },
	}
}

// word is a setting that must be one of a few words.
func word[T ~string](field func(*Settings) *T, allowed ...T) access {
	return text(field, func(value string) bool { return slices.Contains(allowed, T(value)) })
}

// onOff is a setting that is on or off, for which there are other words too.
func onOff(field func(*Settings) *bool, on, off string) access {
	return access{
		set: func(s *Settings, value string) bool {
			*field(s) = value == "on" || value == on
			return *field(s) || value == "off" || value == off
		},
		get: func(s *Settings) string {
			if *field(s) {
				return "on"
			}
			return "off"
		},
	}
}

// number is a setting that is a whole number.
func number(field func(*Settings) *int, least, most int) access {
	return access{
		set: func(s *Settings, value string) bool {
			n, err := strconv.Atoi(value)
			*field(s) = n
			return err == nil && n >= least && n <= most
		},
		get: func(s *Settings) string { return strconv.Itoa(*field(s)) },
	}
}

func setComm(s *Settings, value string) bool {
	s.Comm = Comm(value)
	if value == "udp" {
		s.Comm = CommTCP
	}
	return s.Comm == CommAuto || s.Comm == CommTCP || s.Comm == CommRDMA
}

func setSSH(s *Settings, value string) bool {
	s.SSH = strings.Fields(value)
	return len(s.SSH) > 0 && printable(value)
}

func setExport(s *Settings, value string) bool {
	s.Export = nil
	for name := range strings.SplitSeq(value, ",") {
		name = strings.TrimSpace(name)
		if !isVariable(name) || strings.HasPrefix(name, "JIA_") {
			return false
		}
		s.Export = append(s.Export, name)
	}
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

func setPageSize(s *Settings, value string) bool {
	n, ok := parseBytes(value)
	if !ok || n&(n-1) != 0 || n < MinPageSize || n > MaxPageSize {
		return false
	}
	s.PageSize = int(n)
	return true
}

// setCacheSize leaves it to the library, which knows the size of a page, how little is too little.
func setCacheSize(s *Settings, value string) bool {
	n, ok := parseBytes(value)
	s.CacheSize = n
	return ok && n > 0
}

func formatCacheSize(bytes uint64) string {
	if bytes == 0 {
		return ""
	}
	return formatBytes(bytes)
}

func setPeerTimeout(s *Settings, value string) bool {
	n, err := strconv.Atoi(value)
	s.PeerTimeout = n
	return err == nil && (n == 0 || n >= 500 && n <= 24*3600*1000)
}

func setPrefetch(s *Settings, value string) bool {
	switch value {
	case "auto", "on": // older systems said on
		s.Prefetch = MaxPrefetch
	case "off":
		s.Prefetch = 0
	default:
		n, err := strconv.Atoi(value)
		s.Prefetch = n
		return err == nil && n >= MinPrefetch && n <= MaxPrefetch
	}
	return true
}

// formatPrefetch is the reverse of setPrefetch.
func formatPrefetch(pages int) string {
	switch pages {
	case 0:
		return "off"
	case MaxPrefetch:
		return "auto"
	}
	return strconv.Itoa(pages)
}

const byteUnits = "KMGT" // each 1024 times the one before

// parseBytes reads a number of bytes such as "4096", "64G" or "1t". It refuses signs, fractions and overflow.
func parseBytes(value string) (bytes uint64, ok bool) {
	shift := 0
	if len(value) > 0 {
		last := strings.ToUpper(value[len(value)-1:])
		if unit := strings.Index(byteUnits, last); unit >= 0 {
			shift = 10 * (unit + 1)
			value = value[:len(value)-1]
		}
	}
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil || n > (1<<64-1)>>shift {
		return 0, false
	}
	return n << shift, true
}

// formatBytes is the reverse of parseBytes, with the largest unit that loses nothing.
func formatBytes(bytes uint64) string {
	unit := ""
	for i := 0; i < len(byteUnits) && bytes > 0 && bytes%1024 == 0; i++ {
		bytes /= 1024
		unit = byteUnits[i : i+1]
	}
	return strconv.FormatUint(bytes, 10) + unit
}

// printable tells whether value has no control character, so that it can be a path or a command.
func printable(value string) bool {
	return !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f })
}

func isStats(value string) bool {
	return value == string(StatsOff) || value == string(StatsTable) || strings.HasSuffix(value, ".json") && printable(value)
}

// isVariable tells whether name is the name of an environment variable.
func isVariable(name string) bool {
	return name != "" && (name[0] < '0' || name[0] > '9') && only(name, "_")
}

// isNetwork tells whether value may be an interface's name, an address or a subnet.
func isNetwork(value string) bool {
	if _, err := netip.ParsePrefix(value); err == nil {
		return true
	}
	return isAddress(value) || isInterface(value) && !numeric(value)
}

// isHostPort tells whether value is a host and a port.
func isHostPort(value string) bool {
	at := strings.LastIndexByte(value, ':')
	if at < 0 {
		return false
	}
	port, err := strconv.ParseUint(value[at+1:], 10, 16)
	host := value[:at]
	if strings.Contains(host, ":") && !strings.HasPrefix(host, "[") {
		return false // an IPv6 address: where does the port begin?
	}
	_, ok := hostName(host)
	return ok && err == nil && port > 0
}
