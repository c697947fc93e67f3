// Command jia-restart runs a launcher's command, such as srun ./app, and runs it again when the job has lost a host.
// Its manual page is jia-restart.1.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"

	"jiajia/core/conf"
	"jiajia/core/keep"
)

const usage = `usage: jia-restart [--] COMMAND [ARGUMENT ...]

Runs a command that starts the hosts of a job, such as "srun ./app", and runs it again when the job has lost a host: from
the newest checkpoint in JIA_CKPT_DIR if there is one, at most JIA_MAX_RESTARTS times. In a job of Slurm, nodes that are down
are left out.

  --version   the version alone
  --help      this text

Exit status: that of the command; 127 if it is not there, 2 for a mistake on the command line.
`

// Values of the exit status.
const (
	exitUsage   = 2
	exitMissing = 127
)

func main() {
	flags := flag.NewFlagSet("jia-restart", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	onlyVersion := flags.Bool("version", false, "")
	err := flags.Parse(os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Print(usage)
		return
	case err == nil && *onlyVersion:
		fmt.Println(conf.Version)
		return
	case err == nil && flags.NArg() == 0:
		err = errors.New("there is no command")
	}
	if err != nil {
		fail(exitUsage, fmt.Errorf("%w; jia-restart --help says how it is used", err))
	}
	settings, warnings, err := conf.Read("", os.Getenv)
	if err != nil {
		fail(exitUsage, err)
	}
	for _, line := range warnings {
		fmt.Fprintln(os.Stderr, "jia-restart:", line)
	}
	path, err := exec.LookPath(flags.Arg(0))
	if err != nil {
		fail(exitMissing, err)
	}
	keep.End(keep.Run(keep.Config{
		Path: path, Args: flags.Args(), Env: forOtherMachines(flags.Args(), os.Environ()), Launcher: true,
		MaxRestarts: settings.MaxRestarts, CkptDir: settings.CkptDir, Again: allocation{
			fewer: settings.RestartHosts == conf.RestartFewer, run: output,
		}.again,
	}))
}

func fail(status int, err error) {
	fmt.Fprintln(os.Stderr, "jia-restart:", err)
	os.Exit(status)
}
