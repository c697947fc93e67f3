package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"jiajia/core/launch"
)

// startOn makes this process host 0 of a job on the machines of a hosts file.
func startOn(path string, getenv func(string) string) (*launch.Job, error) {
	machines, err := readHosts(path)
	if err != nil {
		return nil, err
	}
	dir, err := startDirectory()
	if err != nil {
		return nil, err
	}
	options := launch.Options{Machines: machines, Dir: dir, TagOutput: getenv("JIA_TAG") == "on", Network: getenv("JIA_NETWORK"),
		SSH: strings.Fields(getenv("JIA_SSH"))}
	for _, entry := range os.Environ() {
		if strings.HasPrefix(entry, "JIA_") { // settings mean the same on every host
			options.Env = append(options.Env, entry)
		}
	}
	return launch.StartOn(options)
}

// readHosts reads lines of a name, perhaps a user, and perhaps slots=n.
func readHosts(path string) ([]launch.Machine, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var machines []launch.Machine
	for i, line := range strings.Split(string(text), "\n") {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		m := launch.Machine{Name: words[0], Hosts: 1}
		for _, word := range words[1:] {
			if slots, ok := strings.CutPrefix(word, "slots="); !ok {
				m.User = word
			} else if m.Hosts, err = strconv.Atoi(slots); err != nil {
				return nil, fmt.Errorf("%s:%d: %q: a number of hosts was expected", path, i+1, word)
			}
		}
		machines = append(machines, m)
	}
	return machines, nil
}
