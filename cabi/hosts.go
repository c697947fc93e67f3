package main

import (
	"fmt"
	"os"

	"jiajia/core/conf"
	"jiajia/core/launch"
)

// startOn makes this process host 0 of a job on the machines of the hosts file that the settings name.
func startOn(settings conf.Settings) (*launch.Job, error) {
	hosts, warnings, err := conf.ReadHosts(settings)
	if err != nil {
		return nil, err
	}
	for _, line := range warnings {
		fmt.Fprintf(os.Stderr, "jia: %s\n", launch.OneLine(line))
	}
	options := launch.Options{Dir: startDirectory(), Env: settings.Environ(), Export: settings.Export, TagOutput: settings.TagOutput,
		SSH: settings.SSH, Network: settings.Network}
	for _, h := range hosts {
		options.Machines = append(options.Machines, launch.Machine{Name: h.Name, User: h.User, Hosts: h.Slots})
	}
	return launch.StartOn(options)
}
