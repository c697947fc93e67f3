// Package ckpttest has a file system in memory for tests of what is written to it: it crashes and fails at a chosen step, and after a crash
// has of what was not synced whatever a real one might have.
package ckpttest

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"syscall"

	"jiajia/ckpt"
)

// ErrCrash is what every operation returns from the crash on: whoever sees it is dead.
var ErrCrash = errors.New("the machine has crashed")

// A Fault is what happens at a step. Each call of FS and Output that may change something or fail is a step, in the order of the calls.
type Fault int

// The faults. Those that cannot happen to an operation leave it alone.
const (
	None     Fault = iota
	Crash          // the operation may have happened or not, and nothing happens after it
	Full           // ENOSPC: no file is made, a write writes half
	Broken         // EIO: nothing happens; what was not synced when Sync fails will never be
	ReadOnly       // EROFS: nothing is changed
	Short          // a write writes half and does not say why
)

// A Disk is one directory. The zero value has none yet. It is for any number of goroutines; steps are counted in the order of their calls.
type Disk struct {
	mu      sync.Mutex
	made    bool
	names   map[string]*inode // what everybody sees
	synced  map[string]*inode // what is left after a crash, with some of pending
	pending []change
	steps   int
	crashed bool

	fault   Fault
	at      int  // the step, from 1, at which fault happens
	lasting bool // and at all after it
}

// An inode is a file. It only grows.
type inode struct {
	data   []byte
	synced int  // so many bytes survive a crash
	lost   bool // the others cannot be synced any more
}

// A change of the directory was not synced yet: file got the name to, and from is gone. Either may be empty.
type change struct {
	file     *inode
	from, to string
}

// Plan has a fault happen at a step, counted from now, from 1 on; lasting: at each one after it as well. It replaces the plan before.
func (d *Disk) Plan(fault Fault, step int, lasting bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault, d.at, d.lasting = fault, d.steps+step, lasting
}

// Steps returns how many steps there were.
func (d *Disk) Steps() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.steps
}

// Files returns the contents of all files, copied.
func (d *Disk) Files() map[string][]byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	files := map[string][]byte{}
	for name, file := range d.names {
		files[name] = slices.Clone(file.data)
	}
	return files
}

// Put makes or replaces a file, which survives a crash. The disk keeps data.
func (d *Disk) Put(name string, data []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.make()
	file := &inode{data: data, synced: len(data)}
	d.names[name], d.synced[name] = file, file
}

func (d *Disk) make() {
	if !d.made {
		d.made, d.names, d.synced = true, map[string]*inode{}, map[string]*inode{}
	}
}

// step counts an operation and says what is to happen to it. The mutex is held.
func (d *Disk) step() Fault {
	if d.crashed {
		return Crash
	}
	d.steps++
	if d.fault == None || d.steps < d.at || d.steps > d.at && !d.lasting {
		return None
	}
	d.crashed = d.fault == Crash
	return d.fault
}

// failure is the error of an operation that changes something. The mutex is held.
func (d *Disk) failure(f Fault, op, name string) error {
	errs := map[Fault]error{Crash: ErrCrash, Full: syscall.ENOSPC, Broken: syscall.EIO, ReadOnly: syscall.EROFS}
	if errs[f] == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: d.Path(name), Err: errs[f]}
}

// Path is what messages call a file.
func (d *Disk) Path(name string) string { return "disk/" + name }

// Make does what ckpt.FS says.
func (d *Disk) Make() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.made && !d.crashed {
		return nil
	}
	dead := d.crashed
	f := d.step()
	if f == None || f == Short || f == Crash && !dead {
		d.make()
	}
	return d.failure(f, "mkdir", "")
}

// Create does what ckpt.FS says.
func (d *Disk) Create(name string) (ckpt.Output, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	dead := d.crashed
	f := d.step()
	err := d.failure(f, "create", name)
	if err == nil {
		err = d.taken("create", name, !d.made, fs.ErrNotExist)
	}
	if err == nil {
		err = d.taken("create", name, d.names[name] != nil, fs.ErrExist)
	}
	if err != nil && (f != Crash || dead || !d.made) {
		return nil, err
	}
	file := &inode{}
	d.change(change{file: file, to: name})
	return &output{disk: d, name: name, file: file}, err
}

func (d *Disk) taken(op, name string, is bool, err error) error {
	if !is {
		return nil
	}
	return &fs.PathError{Op: op, Path: d.Path(name), Err: err}
}

// change changes the directory, but not what survives a crash.
func (d *Disk) change(c change) {
	apply(d.names, c)
	d.pending = append(d.pending, c)
}

func apply(names map[string]*inode, c change) {
	if names[c.from] == c.file {
		delete(names, c.from)
	}
	if c.to != "" {
		names[c.to] = c.file
	}
}

// Rename does what ckpt.FS says.
func (d *Disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.move("rename", from, to)
}

// Remove does what ckpt.FS says.
func (d *Disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.move("remove", name, "")
}

func (d *Disk) move(op, from, to string) error {
	dead := d.crashed
	f := d.step()
	if op == "remove" && f == Full {
		f = None
	}
	err := d.failure(f, op, from)
	if err != nil && (f != Crash || dead) {
		return err
	}
	file := d.names[from]
	if file == nil {
		return errors.Join(err, d.taken(op, from, true, fs.ErrNotExist))
	}
	if to != "" && d.names[to] != nil {
		return errors.Join(err, d.taken(op, to, true, fs.ErrExist))
	}
	d.change(change{file: file, from: from, to: to})
	return err
}

// Lock does what ckpt.FS says of a file system that has no locks.
func (d *Disk) Lock() (io.Closer, error) { return io.NopCloser(nil), nil }

// List does what ckpt.FS says.
func (d *Disk) List() ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch f := d.step(); {
	case f == Crash || f == Broken:
		return nil, d.failure(f, "list", "")
	case !d.made:
		return nil, d.taken("list", "", true, fs.ErrNotExist)
	}
	return slices.Collect(maps.Keys(d.names)), nil
}

// Sync does what ckpt.FS says.
func (d *Disk) Sync() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.step(); f == Crash || f == Broken {
		return d.failure(f, "sync", "")
	}
	for _, c := range d.pending {
		apply(d.synced, c)
	}
	d.pending = nil
	return nil
}
