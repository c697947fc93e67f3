package join

import (
	"crypto/sha256"
	"encoding/hex"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// machineID tells machines apart, in the sense that two processes with the same one reach each other over loopback: this
// boot of the kernel, and the network namespace.
func machineID() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		boot = []byte(hostName())
	}
	space, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		space = hostName()
	}
	sum := sha256.Sum256(append(boot, space...))
	return hex.EncodeToString(sum[:8])
}

// hostName is the machine's name for messages.
func hostName() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "a machine without a name"
	}
	return name
}

// keepAlive finds a machine that has vanished without a word, in about ten seconds.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: time.Second, Count: 5}

// tune has a connection give up a machine that does not confirm what it was sent, in the same time.
func tune(conn net.Conn) {
	const limit = 10 * time.Second
	if tcp, ok := conn.(*net.TCPConn); ok {
		if raw, err := tcp.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { // every kernel since 2.6.37 has it; without, the kernel's own limit holds
				_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(limit.Milliseconds()))
			})
		}
	}
}
