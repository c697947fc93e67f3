package conf

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// maxFile bounds, in bytes, what is read of a file. No sensible file comes near it.
const maxFile = 16 << 20

// Read reads the settings as the process that a user started does: LoadFile with the ConfFile of the directory dir, or without
// one if there is none. dir is also what the names of files in the settings begin from; "" is the working directory.
func Read(dir string, env func(string) string) (Settings, []string, error) {
	path := filepath.Join(dir, ConfFile)
	text, _, err := readFile(path)
	if err != nil {
		return Settings{}, nil, fmt.Errorf("read the settings: %w: make it a file that you may read, or remove it", err)
	}
	s, warnings, err := LoadFile(env, path, text)
	s.Hosts, s.SecretFile = from(dir, s.Hosts), from(dir, s.SecretFile)
	if s.Stats != StatsOff && s.Stats != StatsTable {
		s.Stats = Stats(from(dir, string(s.Stats)))
	}
	return s, warnings, err
}

// from returns what a path that was written in dir means in any other directory.
func from(dir, path string) string {
	if dir == "" || path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// ReadHosts finds the hosts of a job that this process starts under settings s: from the hosts file that s names, else,
// unless JIA_NPROC is in the environment, from the HostsFile in the directory dir, as in Read. hosts is nil when there is no
// such file: the job is then s.NProc processes on this machine. With a file that s names, JIA_NPROC in the environment
// keeps the first so many places and drops the others. The machines in leftOut do not answer: see without.
func ReadHosts(dir string, s Settings, leftOut []string) (hosts []Host, warnings []string, err error) {
	path := s.Hosts
	if path == "" {
		if s.NProcSet {
			return nil, nil, nil
		}
		path = filepath.Join(dir, HostsFile)
	}
	text, found, err := readFile(path)
	if err == nil && !found && s.Hosts != "" {
		err = fmt.Errorf("%s: there is no such file", shown(path))
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read the hosts file: %w: correct the setting hosts (JIA_HOSTS) or the file", err)
	}
	if !found {
		return nil, nil, nil
	}
	all, warnings, err := ParseHosts(path, text)
	hosts, spares := split(all)
	if err == nil && s.NProcSet {
		hosts, err = first(path, hosts, s.NProc)
	}
	if err == nil && len(leftOut) > 0 {
		hosts, err = without(path, hosts, spares, leftOut, s.RestartHosts == RestartFewer)
	}
	if err != nil {
		return nil, nil, err
	}
	return hosts, warnings, nil
}

// first returns the hosts that have the first n places.
func first(path string, hosts []Host, n int) ([]Host, error) {
	if places := Places(hosts); places < n {
		return nil, fmt.Errorf("JIA_NPROC is %d, but %s has places for %d processes: lower or unset JIA_NPROC, or add hosts or slots",
			n, path, places)
	}
	for i := range hosts {
		if n <= hosts[i].Slots {
			hosts[i].Slots = n
			return hosts[:i+1], nil
		}
		n -= hosts[i].Slots
	}
	return hosts, nil
}

// readFile returns the content of a file; found is false when there is none of that name.
func readFile(path string) (text []byte, found bool, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	defer f.Close() // only read
	text, err = io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s is larger than %d MiB", path, maxFile>>20)
	}
	return text, true, err
}
