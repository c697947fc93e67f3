// Command jia-ckpt lists, verifies and describes the checkpoints in a directory. Its manual page is jia-ckpt.1.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"

	"jiajia/ckpt"
	"jiajia/core/conf"
)

const usage = `usage: jia-ckpt list DIR
       jia-ckpt verify [--here] DIR[:N]
       jia-ckpt show DIR[:N]

Tells what checkpoints a directory has (JIA_CKPT_DIR of a job), and changes nothing.

  list        one line for each generation that has a manifest, the newest first
  verify      read every byte of generation N, or of all of them, and of those that it builds on
  --here      do not miss parts that are not in this directory, as when each machine has one of its own
  show        describe generation N, or the newest: hosts, parts, contents, what it builds on, and the state of the job
  --version   the version alone
  --help      this text

Exit status: 0, 1 if something is damaged, missing or cannot be read, 2 for a mistake on the command line.
`

const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	command := ""
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		command, args = args[0], args[1:]
	}
	flags := flag.NewFlagSet("jia-ckpt", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	here := flags.Bool("here", false, "")
	version := flags.Bool("version", false, "")
	err := flags.Parse(args)
	out := &output{w: stdout}
	switch {
	case errors.Is(err, flag.ErrHelp):
		err = nil
		out.printf("%s", usage)
	case err == nil && *version:
		out.printf("%s\n", conf.Version)
	default:
		if err == nil {
			err = misuse(command, flags.NArg(), *here)
		}
		if err != nil {
			fmt.Fprintf(stderr, "jia-ckpt: %v; jia-ckpt --help shows how it is used\n", err)
			return exitUsage
		}
		err = do(command, flags.Arg(0), *here, out)
	}
	if err == nil && out.err != nil {
		err = fmt.Errorf("write the report: %w", out.err)
	}
	if err != nil {
		fmt.Fprintf(stderr, "jia-ckpt: %v\n", err)
		return exitFailed
	}
	return exitOK
}

func misuse(command string, places int, here bool) error {
	switch command {
	case "list", "verify", "show":
	case "":
		return errors.New("no command")
	default:
		return fmt.Errorf("no command is called %q", command)
	}
	if here && command != "verify" {
		return errors.New("--here belongs to verify")
	}
	if places != 1 {
		return fmt.Errorf("%s takes one directory, and there are %d arguments", command, places)
	}
	return nil
}

func do(command, place string, here bool, out *output) error {
	dir, generation := place, uint64(0)
	if command != "list" {
		dir, generation = ckpt.Place(place)
	}
	// The store takes a directory that is not there for an empty one, as the first checkpoint makes it.
	if info, err := os.Stat(dir); err != nil {
		return err
	} else if !info.IsDir() {
		return fmt.Errorf("%s is not a directory", dir)
	}
	s := ckpt.Open(dir)
	generations, err := s.Manifests()
	if err != nil {
		return err
	}
	if command == "list" {
		return list(s, dir, generations, out)
	}
	if len(generations) == 0 {
		return fmt.Errorf("%s has no complete checkpoint (manifests are where host 0 wrote them)", dir)
	}
	if generation != 0 && !slices.Contains(generations, generation) {
		return fmt.Errorf("%s has no checkpoint %d; jia-ckpt list %s says which there are", dir, generation, dir)
	}
	if command == "verify" {
		if generation != 0 {
			generations = []uint64{generation}
		}
		return verify(s, generations, here, out)
	}
	if generation == 0 {
		generation = generations[0]
	}
	return show(s, generation, out)
}

// An output keeps the first error of writing.
type output struct {
	w   io.Writer
	err error
}

func (o *output) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(o.w, format, args...); o.err == nil {
		o.err = err
	}
}
