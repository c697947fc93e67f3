package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"

	"jiajia/core/conf"
	"jiajia/core/stats"
)

// reportPlace returns where the statistics go at exit. A file's path is made absolute now, as the program may change its
// working directory.
func reportPlace(setting conf.Stats) string {
	place := string(setting)
	if setting == conf.StatsOff || setting == conf.StatsTable {
		return place
	}
	if absolute, err := filepath.Abs(place); err == nil {
		place = absolute
	}
	return place
}

// report shows the statistics of the job, at host 0 alone, which has the lists.
func report(list []stats.Host, named []stats.Named) {
	if job.self != 0 {
		return
	}
	switch conf.Stats(job.report) {
	case conf.StatsOff:
	case conf.StatsTable:
		_, _ = os.Stderr.WriteString(stats.Table(job.hosts, list) + stats.NamedTable(named)) // nobody reads it, then
	default:
		if err := os.WriteFile(job.report, stats.JSON(job.hosts, list, named), 0o666); err != nil {
			job.log.Warnf("the statistics are lost: %v: name another file with JIA_STATS", err)
		}
	}
}

// encode fills the words of a jia_stats_t behind its size: times as doubles, in seconds, all else as it is.
func encode(r stats.Row, words []uint64) {
	for f := range words {
		words[f] = r[f]
		if stats.Fields[f].Unit == stats.Nanoseconds {
			words[f] = math.Float64bits(r.Seconds(stats.Field(f)))
		}
	}
}

// bytesInWords words a size: in the largest unit of which it is a whole number.
func bytesInWords(n uint64) string {
	unit := 0
	for ; n >= 1024 && n%1024 == 0 && unit < len(units)-1; unit++ {
		n /= 1024
	}
	return fmt.Sprintf("%d %s", n, units[unit])
}

var units = [...]string{"bytes", "KiB", "MiB", "GiB", "TiB"}
