package tests

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// processes returns the living processes that have the tag of a job in their environment, zombies not included.
func processes(tag string) []int {
	mark := []byte(tagVariable + "=" + tag + "\x00")
	var pids []int
	for _, name := range list("/proc") {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err == nil && bytes.Contains(environ, mark) && state(pid) != "Z" {
			pids = append(pids, pid)
		}
	}
	sort.Ints(pids)
	return pids
}

// state returns the letter that the kernel gives to what a process does, "" when it is gone.
func state(pid int) string {
	fields := statFields(fmt.Sprintf("/proc/%d/stat", pid))
	if len(fields) == 0 {
		return ""
	}
	return fields[0]
}

// statFields returns the fields behind the name of a stat file, beginning with the state.
func statFields(path string) []string {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
}

// dumpProcesses says what each thread of each process is doing, as far as the kernel lets us see.
func dumpProcesses(pids []int) string {
	var b strings.Builder
	for _, pid := range pids {
		cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		fmt.Fprintf(&b, "process %d: %s\n", pid, strings.ReplaceAll(string(cmdline), "\x00", " "))
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
		for _, task := range tasks {
			read := func(name string) string {
				text, _ := os.ReadFile(filepath.Join(task, name))
				return strings.TrimSpace(string(text))
			}
			fields := statFields(filepath.Join(task, "stat"))
			if len(fields) < 13 {
				continue
			}
			fmt.Fprintf(&b, "  thread %s: %s, %s+%s ticks, in %s, system call %s\n", filepath.Base(task), fields[0],
				fields[11], fields[12], read("wchan"), read("syscall"))
			for _, line := range strings.Split(read("stack"), "\n") {
				if line != "" {
					fmt.Fprintf(&b, "      %s\n", line)
				}
			}
		}
	}
	return b.String()
}

// A connection is a TCP socket of a process: its state as the kernel writes it, and its own port.
type connection struct {
	state string
	port  int
}

func connections(pid int) []connection {
	inodes := sockets(pid)
	var all []connection
	for _, table := range []string{"tcp", "tcp6"} {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		for _, line := range strings.Split(string(text), "\n") {
			f := strings.Fields(line)
			const local, status, inode = 1, 3, 9
			if len(f) <= inode || !inodes[f[inode]] {
				continue
			}
			_, hex, _ := strings.Cut(f[local], ":")
			if port, err := strconv.ParseInt(hex, 16, 32); err == nil {
				all = append(all, connection{f[status], int(port)})
			}
		}
	}
	return all
}

// sockets returns the inodes of a process's sockets.
func sockets(pid int) map[string]bool {
	inodes := make(map[string]bool)
	fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, fd := range fds {
		if link, err := os.Readlink(fd); err == nil {
			if inode, ok := strings.CutPrefix(link, "socket:["); ok {
				inodes[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	return inodes
}

// listeningSockets returns the names of the Unix sockets on which a process listens, a number for one without a name.
func listeningSockets(pid int) (names []string) {
	inodes := sockets(pid)
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/net/unix", pid))
	for _, line := range strings.Split(string(text), "\n") {
		f := strings.Fields(line)
		const flags, inode, listens = 3, 6, "00010000"
		if len(f) > inode && f[flags] == listens && inodes[f[inode]] {
			names = append(names, f[len(f)-1])
		}
	}
	return names
}

// listeningPorts returns the TCP ports on which a process listens.
func listeningPorts(pid int) []int {
	const listen = "0A"
	var ports []int
	for _, c := range connections(pid) {
		if c.state == listen {
			ports = append(ports, c.port)
		}
	}
	return ports
}

// descriptors returns what is open in a process.
func descriptors(pid int) []string { return list(fmt.Sprintf("/proc/%d/fd", pid)) }

// closeWaits counts the TCP connections that a process has not closed although the other end has.
func closeWaits(pid int) (n int) {
	const closeWait = "08"
	for _, f := range connections(pid) {
		if f.state == closeWait {
			n++
		}
	}
	return n
}
