package ckpt

import "errors"

// Dir is a real directory. Files are for their owner alone.
type Dir string

// Make does what FS says.
func (d Dir) Make() error { return errors.ErrUnsupported }

// Create does what FS says.
func (d Dir) Create(name string) (Output, error) { return nil, errors.ErrUnsupported }

// Open does what FS says.
func (d Dir) Open(name string) (Input, error) { return nil, errors.ErrUnsupported }

// Rename does what FS says.
func (d Dir) Rename(from, to string) error { return errors.ErrUnsupported }

// Remove does what FS says.
func (d Dir) Remove(name string) error { return errors.ErrUnsupported }

// List does what FS says.
func (d Dir) List() ([]string, error) { return nil, errors.ErrUnsupported }

// Sync does what FS says.
func (d Dir) Sync() error { return errors.ErrUnsupported }
