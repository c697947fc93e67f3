// Command jia-info prints what a JIAJIA job would use on this machine and why, and what to change where a limit is too low.
// Its manual page is jia-info.1.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"

	"jiajia/core/conf"
)

const usage = `usage: jia-info [--json]

Prints what a job would use on this machine and why: how page faults are caught, the transports, the limits that matter and
what to do about those that are too low, the launchers that are here, and the settings in force.

  --json      the same for programs
  --version   the version alone
  --help      this text

Exit status: 0 if a job can run here, 1 if not, 2 for a mistake on the command line.
`

// Values of the exit status.
const (
	exitReady    = 0
	exitNotReady = 1
	exitUsage    = 2
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr, machine{
		root: "/", env: os.Getenv, lookPath: exec.LookPath, interfaces: net.Interfaces,
	}))
}

func run(args []string, stdout, stderr io.Writer, m machine) int {
	flags := flag.NewFlagSet("jia-info", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	asJSON := flags.Bool("json", false, "")
	onlyVersion := flags.Bool("version", false, "")
	err := flags.Parse(args)
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	var text []byte
	status := exitReady
	switch {
	case errors.Is(err, flag.ErrHelp):
		text = []byte(usage)
	case err != nil:
		fmt.Fprintf(stderr, "jia-info: %v; jia-info --help lists the options\n", err)
		return exitUsage
	case *onlyVersion:
		text = []byte(conf.Version + "\n")
	default:
		r := m.report()
		if !r.Ready {
			status = exitNotReady
		}
		if text = r.text(); *asJSON {
			if text, err = json.MarshalIndent(r, "", "  "); err != nil {
				panic(err) // strings and booleans
			}
			text = append(text, '\n')
		}
	}
	if _, err := stdout.Write(text); err != nil {
		fmt.Fprintf(stderr, "jia-info: write the report: %v\n", err)
		return exitNotReady
	}
	return status
}
