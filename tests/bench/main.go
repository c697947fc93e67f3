// Command bench measures what the library charges, each figure beside a baseline of bare sockets or of the kernel taken in
// the same run, and prints the ratios. Timings are noisy on shared machines; ratios less so. It judges nothing: a
// target that is missed is marked, and the exit status is 0 unless a program fails.
//
//	go run ./tests/bench [-quick] [-only micro|apps|ckpt]
//
// It builds its programs against build/libjia.a (make lib).
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
)

func main() {
	quick := flag.Bool("quick", false, "small applications, one repetition")
	only := flag.String("only", "", "run only the micro, the apps or the ckpt part")
	flag.Parse()
	if err := run(*quick, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(quick bool, only string) error {
	dir, err := os.MkdirTemp("", "jia-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{dir: dir, repeats: 5}
	if quick {
		b.repeats = 1
	}
	if err := b.build(); err != nil {
		return err
	}
	fmt.Printf("%s, %d processors, %s\n", kernel(), runtime.NumCPU(), processor())
	for _, part := range []struct {
		name string
		run  func() error
	}{{"micro", b.micro}, {"apps", func() error { return b.apps(quick) }}, {"ckpt", func() error { return b.checkpoints(quick) }}} {
		if only != "" && only != part.name {
			continue
		}
		if err := part.run(); err != nil {
			return err
		}
	}
	return nil
}
