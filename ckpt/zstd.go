package ckpt

import (
	"sync"

	"github.com/klauspost/compress/zstd"
)

// An encoder and a decoder take long to make and have no state between calls, so all parts of a process share them.

var encoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2),
		zstd.WithWindowSize(MaxBlock), zstd.WithEncoderCRC(false))
	if err != nil {
		panic(err) // constant options
	}
	return e
})

var decoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(MaxBlock), zstd.WithDecoderMaxWindow(MaxBlock))
	if err != nil {
		panic(err) // constant options
	}
	return d
})
