package ckpttest

import (
	"bytes"
	"io/fs"

	"jiajia/ckpt"
)

// Open does what ckpt.FS says. What is read is what the file has now.
func (d *Disk) Open(name string) (ckpt.Input, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.step(); f == Crash || f == Broken {
		return nil, d.failure(f, "open", name)
	}
	file := d.names[name]
	if file == nil {
		return nil, d.taken("open", name, true, fs.ErrNotExist)
	}
	return &input{Reader: *bytes.NewReader(file.data), disk: d, name: name}, nil
}

type input struct {
	bytes.Reader
	disk *Disk
	name string
}

func (i *input) Read(b []byte) (int, error) {
	i.disk.mu.Lock()
	defer i.disk.mu.Unlock()
	if f := i.disk.step(); f == Crash || f == Broken {
		return 0, i.disk.failure(f, "read", i.name)
	}
	return i.Reader.Read(b)
}

func (i *input) Size() int64 { return i.Reader.Size() }

func (i *input) Close() error { return nil }

type output struct {
	disk *Disk
	name string
	file *inode
}

func (o *output) Write(b []byte) (int, error) {
	o.disk.mu.Lock()
	defer o.disk.mu.Unlock()
	dead := o.disk.crashed
	f := o.disk.step()
	n := len(b)
	switch {
	case f == Broken || f == ReadOnly || dead:
		n = 0
	case f == Full || f == Short:
		n /= 2
	}
	o.file.data = append(o.file.data, b[:n]...)
	return n, o.disk.failure(f, "write", o.name)
}

func (o *output) Sync() error {
	o.disk.mu.Lock()
	defer o.disk.mu.Unlock()
	switch f := o.disk.step(); {
	case f == Broken:
		o.file.lost = true
		fallthrough
	case f == Crash:
		return o.disk.failure(f, "sync", o.name)
	}
	if !o.file.lost {
		o.file.synced = len(o.file.data)
	}
	return nil
}

// Close is no step: it has nothing to do.
func (o *output) Close() error { return nil }
