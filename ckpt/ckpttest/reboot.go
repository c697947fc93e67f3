package ckpttest

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// sector is how many bytes of a file a crash keeps, clears or garbles together.
const sector = 64

// Reboot returns the disk as it is found after a crash now, with no faults planned. All that was synced is there. Of all else, drawn from r, any
// part: names that were given or taken away, ends of files with some sectors as they were written, some zero and some with old
// contents of the medium. With a nil r all that was not synced is lost. The old disk must not be used any more.
func (d *Disk) Reboot(r *rand.Rand) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.crashed = true
	after := &Disk{made: d.made, names: maps.Clone(d.synced)}
	if r != nil {
		often := r.Float64()
		for _, c := range d.pending {
			if r.Float64() < often {
				apply(after.names, c)
			}
		}
	}
	names := slices.Sorted(maps.Keys(after.names)) // in a fixed order, for r
	fresh := map[*inode]*inode{}
	for _, name := range names {
		old := after.names[name]
		if fresh[old] == nil {
			data := torn(old, r)
			fresh[old] = &inode{data: data, synced: len(data)}
		}
		after.names[name] = fresh[old]
	}
	after.synced = maps.Clone(after.names)
	return after
}

func torn(file *inode, r *rand.Rand) []byte {
	data := slices.Clone(file.data[:file.synced])
	if r == nil || len(file.data) == file.synced {
		return data
	}
	rest := file.data[file.synced:]
	if r.IntN(3) > 0 {
		rest = rest[:r.IntN(len(rest)+1)]
	}
	whole := r.IntN(3) == 0
	for len(rest) > 0 {
		piece := slices.Clone(rest[:min(sector, len(rest))])
		rest = rest[len(piece):]
		switch {
		case whole || r.IntN(2) == 0:
		case r.IntN(2) == 0:
			clear(piece)
		default:
			for i := range piece {
				piece[i] = byte(r.Uint32())
			}
		}
		data = append(data, piece...)
	}
	return data
}
