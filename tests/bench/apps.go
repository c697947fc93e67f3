package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// app is a whole program, run on one process and on two.
type app struct {
	name   string
	args   []string
	small  []string // with -quick
	target float64  // times faster on two
}

var apps = []app{
	{"sor", []string{"4094", "4095", "100"}, []string{"1022", "1023", "50"}, 1.6},
	{"mm", []string{"1536"}, []string{"512"}, 1.6},
	{"lu", []string{"2048"}, []string{"512"}, 1.6},
	{"ep", []string{"28"}, []string{"22"}, 1.6},
	{"sor", []string{"1022", "1023", "500"}, []string{"1022", "1023", "50"}, 1.2},
}

var seconds = regexp.MustCompile(`([0-9.]+) s\b`)

// apps prints how much faster each application is on two processes than on one, both best of the repetitions, in
// alternation.
func (b *bench) apps(quick bool) error {
	fmt.Printf("\n%-36s %12s %12s %7s  %s\n", "application", "1 process", "2 processes", "faster", "target")
	for _, a := range apps {
		args := a.args
		if quick {
			args = a.small
		}
		best := [3]float64{}
		for i := 0; i < min(b.repeats, 3); i++ {
			for n := 1; n <= 2; n++ {
				t, err := b.app(a.name, args, n)
				if err != nil {
					return err
				}
				if best[n] == 0 || t < best[n] {
					best[n] = t
				}
			}
		}
		ratio := best[1] / best[2]
		line := fmt.Sprintf("%-36s %10.3f s %10.3f s %6.2fx  at least %gx", fmt.Sprint(a.name, " ", args), best[1], best[2], ratio, a.target)
		if ratio < a.target && !quick {
			line += "  MISSED"
		}
		fmt.Println(line)
	}
	return nil
}

// app runs an example and returns the seconds that it reports.
func (b *bench) app(name string, args []string, hosts int) (float64, error) {
	cmd := exec.Command(filepath.Join(b.dir, name), args...)
	cmd.Env = append(cmd.Environ(), fmt.Sprint("JIA_NPROC=", hosts))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("%s on %d: %w\n%s", name, hosts, err, out)
	}
	m := seconds.FindSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("%s on %d: no time in %q", name, hosts, out)
	}
	return strconv.ParseFloat(string(m[1]), 64)
}
