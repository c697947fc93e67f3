package main

import (
	"os"
	"strings"

	"jiajia/core/node"
	"jiajia/rdma"
	"jiajia/shm"
)

// What a job would do is done here, as far as one process can: the transports are opened, and closed again.

// secret stands for that of a job.
var secret = make([]byte, 32)

// nobody is called by no transport, since none is started.
type nobody struct{ node.Handler }

// sharedMemory tells whether hosts of this machine can talk through memory.
func sharedMemory() item {
	i := item{Name: "shared memory", Value: "for the hosts of one machine and user", State: ok}
	t, err := shm.Listen(shm.Options{Hosts: 1, Secret: secret, Handler: nobody{}, PageSize: os.Getpagesize()})
	why := ""
	if err == nil {
		_, why = t.Card()
		err = t.Close()
	}
	if err != nil {
		why = err.Error()
	}
	if why != "" {
		i.Value, i.Why = "not possible", why+"; TCP takes its place"
	}
	return i
}

// overRDMA tells whether this machine has RDMA, and why not.
func (m machine) overRDMA() item {
	i := item{Name: "RDMA", State: ok}
	t := rdma.New(rdma.Options{Hosts: 2, Secret: secret, Handler: nobody{}, PageSize: os.Getpagesize()})
	card, why := t.Card()
	if i.Value = t.Device() + " at " + card; card == "" {
		i.Value, i.Why = "not possible", why
		if devices := m.names("/sys/class/infiniband"); len(devices) > 0 {
			i.Why += "; the kernel knows " + strings.Join(devices, ", ")
		}
	}
	if err := t.Close(); err != nil {
		i.Why += "; closing it: " + err.Error()
	}
	return i
}
