// Command jia-net measures what a network gives to page traffic, between two machines and over each of the given addresses: through TCP
// and, where an address belongs to an RDMA device, through verbs. Its manual page is jia-net.1.
package main

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"

	"jiajia/core/conf"
)

const usage = `usage: jia-net serve [--once] ADDRESS:PORT
       jia-net ADDRESS:PORT [[LOCAL,]REMOTE...]
       jia-net --local [[LOCAL,]REMOTE...]

Measures latency and bandwidth of page traffic between two machines, over each address REMOTE of the one that serves (by
default, over all that can be reached), and prints one table. LOCAL is the address here that the packets leave from.

  serve       be the other end, at ADDRESS:PORT; JIA_NET_TOKEN keeps others out, and is made up and printed if it is not set
  --once      end after the first measurement
  --local     be both ends on this machine; without addresses, over the loopback
  --version   the version alone
  --help      this text

Exit status: 0, 1 if nothing could be measured, 2 for a mistake on the command line.
`

const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// tokenVariable has what both ends must know. It is no command line argument, since those are seen by all users.
const tokenVariable = "JIA_NET_TOKEN"

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr, os.Getenv))
}

func run(args []string, stdout, stderr io.Writer, env func(string) string) int {
	serving := len(args) > 0 && args[0] == "serve"
	if serving {
		args = args[1:]
	}
	flags := flag.NewFlagSet("jia-net", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	once := flags.Bool("once", false, "")
	local := flags.Bool("local", false, "")
	version := flags.Bool("version", false, "")
	err := flags.Parse(args)
	rest := flags.Args()
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return exitOK
	case err != nil:
	case *version:
		fmt.Fprintln(stdout, conf.Version)
		return exitOK
	case serving && (*local || len(rest) != 1):
		err = errors.New("serve takes one ADDRESS:PORT")
	case !serving && *once:
		err = errors.New("--once belongs to serve")
	case !serving && !*local && len(rest) == 0:
		err = errors.New("which machine? Give the ADDRESS:PORT where jia-net serve runs, or --local")
	}
	if err != nil {
		fmt.Fprintf(stderr, "jia-net: %v; jia-net --help tells more\n", err)
		return exitUsage
	}
	token := env(tokenVariable)
	switch {
	case serving:
		err = serve(rest[0], token, *once, stdout)
	case *local:
		err = both(rest, stdout)
	default:
		err = measure(rest[0], token, rest[1:], stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, "jia-net:", err)
		return exitFailed
	}
	return exitOK
}

func newToken() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// serve is the other end, until it is killed.
func serve(at, token string, once bool, stdout io.Writer) error {
	listener, err := net.Listen("tcp", at)
	if err != nil {
		return fmt.Errorf("serve at %s: %w", at, err)
	}
	defer listener.Close()
	how := ""
	if token == "" {
		token = newToken()
		how = tokenVariable + "=" + token + " "
	}
	fmt.Fprintf(stdout, "on the other machine: %sjia-net %v\n", how, listener.Addr())
	return accept(listener, token, once)
}

// both measures between two ends in this process.
func both(paths []string, stdout io.Writer) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen on the loopback: %w", err)
	}
	token, served := newToken(), make(chan error, 1)
	go func() { served <- accept(listener, token, true) }()
	if len(paths) == 0 {
		paths = []string{"127.0.0.1"}
	}
	err = measure(listener.Addr().String(), token, paths, stdout)
	_ = listener.Close() // it has served
	return cmp.Or(err, <-served)
}
