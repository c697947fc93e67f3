package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// stored is what ckpt.c prints of one checkpoint.
type stored struct {
	stop    float64 // ms
	seconds float64
	bytes   float64
}

// checkpoints prints what checkpoints of 1 GiB cost: for how long the program stands still, how fast they are written beside dd, how small
// an incremental one is, and what periodic ones cost a program.
func (b *bench) checkpoints(quick bool) error {
	mebibytes := 1024
	if quick {
		mebibytes = 64
	}
	fmt.Printf("\ncheckpoints of %d MiB of shared memory in %s\n", mebibytes, b.dir)
	if err := b.stops(mebibytes); err != nil {
		return err
	}
	if err := b.bandwidth(mebibytes); err != nil {
		return err
	}
	return b.duty(quick)
}

// store runs ckpt.c and returns what it says of each checkpoint, the first one included.
func (b *bench) store(hosts, mebibytes, percent, rounds int, env ...string) (list []stored, err error) {
	dir := filepath.Join(b.dir, "checkpoints")
	defer os.RemoveAll(dir)
	cmd := exec.Command(filepath.Join(b.dir, "ckpt"), fmt.Sprint(mebibytes), fmt.Sprint(percent), fmt.Sprint(rounds))
	cmd.Env = append(os.Environ(), append(env, fmt.Sprint("JIA_NPROC=", hosts), "JIA_CKPT_DIR="+dir, "JIA_CKPT_KEEP=1")...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("ckpt on %d: %w\n%s", hosts, err, out)
	}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var s stored
		if _, err := fmt.Sscan(lines.Text(), &s.stop, &s.seconds, &s.bytes); err != nil {
			return nil, fmt.Errorf("ckpt printed %q: %w", out, err)
		}
		list = append(list, s)
	}
	if len(list) != rounds+1 {
		return nil, fmt.Errorf("ckpt printed %d lines, not %d", len(list), rounds+1)
	}
	return list, nil
}

// median returns the one in the middle, and the largest.
func median(list []float64) (middle, worst float64) {
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2], list[len(list)-1]
}

func judge(line string, met bool) {
	if !met {
		line += "  MISSED"
	}
	fmt.Println(line)
}

// stops prints for how long a checkpoint stops the program, and how large one is when little has changed.
func (b *bench) stops(mebibytes int) error {
	for _, hosts := range []int{1, 2} {
		for _, percent := range []int{1, 100} {
			list, err := b.store(hosts, mebibytes, percent, b.repeats, "JIA_CKPT_FULL=1000")
			if err != nil {
				return err
			}
			var stop []float64
			bytes := 0.0
			for _, s := range list[1:] {
				stop = append(stop, s.stop)
				bytes = max(bytes, s.bytes)
			}
			limit := map[int]float64{1: 20, 100: 200}[percent]
			middle, worst := median(stop)
			judge(fmt.Sprintf("%d host(s), %3d %% of the pages written: stops the program for %.2f ms (at worst %.2f), at most %.0f ms", hosts, percent,
				middle, worst, limit), middle <= limit)
			if share := 100 * bytes / list[0].bytes; percent == 1 {
				judge(fmt.Sprintf("%d host(s), %3d %% of the pages written: %.2f %% of the bytes of a full one, at most 3 %%", hosts, percent, share), share <= 3)
			}
		}
	}
	return nil
}

// bandwidth prints how fast full checkpoints are written, and how fast dd writes as much, by turns.
func (b *bench) bandwidth(mebibytes int) error {
	for _, hosts := range []int{1, 2} {
		var own, disk []float64
		for range b.repeats {
			rate, err := b.dd(mebibytes)
			if err != nil {
				return err
			}
			disk = append(disk, rate)
			syscall.Sync()
			list, err := b.store(hosts, mebibytes, 100, 0) // one, so that none is removed meanwhile
			if err != nil {
				return err
			}
			own = append(own, list[0].bytes/1e6/list[0].seconds)
			syscall.Sync()
		}
		ours, _ := median(own)
		theirs, _ := median(disk)
		judge(fmt.Sprintf("%d host(s): a full one is written with %.0f MB/s, dd conv=fdatasync writes %.0f MB/s: %.0f %%, at least 70 %%", hosts, ours, theirs,
			100*ours/theirs), ours >= 0.7*theirs)
	}
	return nil
}

// dd writes a file of so many mebibytes, and returns how fast, in MB/s.
func (b *bench) dd(mebibytes int) (float64, error) {
	path := filepath.Join(b.dir, "dd")
	defer os.Remove(path)
	began := time.Now()
	if out, err := exec.Command("dd", "if=/dev/zero", "of="+path, "bs=1M", fmt.Sprint("count=", mebibytes), "conv=fdatasync").CombinedOutput(); err != nil {
		return 0, fmt.Errorf("dd: %w\n%s", err, out)
	}
	return float64(mebibytes) * (1 << 20) / 1e6 / time.Since(began).Seconds(), nil
}

var storedIn = regexp.MustCompile(`host 0: info: checkpoint .* in ([0-9.]+) s `)

// duty prints how much longer sor runs when a tenth of its time a checkpoint is being stored.
func (b *bench) duty(quick bool) error {
	args := []string{"4094", "4095", "200"}
	if quick {
		args = []string{"1022", "1023", "200"}
	}
	for _, hosts := range []int{1, 2} {
		var with, without, share []float64
		interval := 1
		for range min(b.repeats, 2) + 1 {
			t, err := b.app("sor", args, hosts)
			if err != nil {
				return err
			}
			without = append(without, t)
			t, stored, count, err := b.periodic(args, hosts, interval)
			if err != nil {
				return err
			}
			with = append(with, t)
			share = append(share, stored/t)
			if len(with) == 1 && count > 0 { // to see how long one takes
				interval = max(1, int(10*stored/float64(count)+0.5))
			}
		}
		a, _ := median(without[1:])
		c, _ := median(with[1:])
		d, _ := median(share[1:])
		fmt.Printf("%d host(s): sor %s takes %.2f s, and with a checkpoint every %d s, which is being stored for %.0f %% of the time, %.2f s: %+.1f %%\n", hosts,
			strings.Join(args, " "), a, interval, 100*d, c, 100*(c/a-1))
	}
	return nil
}

// periodic runs sor with checkpoints, and returns the seconds that it takes, and for how many of them host 0 stored how many checkpoints.
func (b *bench) periodic(args []string, hosts, interval int) (took, storing float64, count int, err error) {
	dir := filepath.Join(b.dir, "checkpoints")
	defer os.RemoveAll(dir)
	cmd := exec.Command(filepath.Join(b.dir, "sor"), args...)
	cmd.Env = append(os.Environ(), fmt.Sprint("JIA_NPROC=", hosts), "JIA_CKPT_DIR="+dir, fmt.Sprint("JIA_CKPT_INTERVAL=", interval), "JIA_CKPT_KEEP=1",
		"JIA_LOG=info")
	var log bytes.Buffer
	cmd.Stderr = &log
	out, err := cmd.Output()
	if err != nil {
		return 0, 0, 0, fmt.Errorf("sor on %d: %w\n%s", hosts, err, &log)
	}
	m := seconds.FindSubmatch(out)
	if m == nil {
		return 0, 0, 0, fmt.Errorf("sor on %d: no time in %q", hosts, out)
	}
	took, _ = strconv.ParseFloat(string(m[1]), 64)
	for _, line := range storedIn.FindAllSubmatch(log.Bytes(), -1) {
		s, _ := strconv.ParseFloat(string(line[1]), 64)
		storing += s
		count++
	}
	return took, storing, count, nil
}
