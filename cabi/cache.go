package main

// #include <errno.h>
import "C"

import (
	"fmt"

	"jiajia/core/capacity"
	"jiajia/core/conf"
	"jiajia/core/node"
)

// cachePages returns the size of the page cache of each of so many hosts of this machine, and how it came about.
func cachePages(settings conf.Settings, hosts int) (pages uint64, words string, err error) {
	if settings.CacheSize > 0 {
		pages, err = node.CachePages(settings.CacheSize, settings.PageSize)
		return pages, "as JIA_CACHE_SIZE says", err
	}
	memory, ok := capacity.Find()
	if !ok {
		memory.Bytes = 1 << 30
	}
	pages = max(memory.Bytes/2/uint64(hosts)/uint64(settings.PageSize), node.MinCachePages)
	return pages, fmt.Sprintf("half of the %s of %v, divided by the %d host(s) here", capacity.Size(memory.Bytes), memory, hosts), nil
}

//export jiaGoCacheResize
func jiaGoCacheResize(bytes C.ulong) C.int {
	if running("jia_cache_resize").ResizeCache(uint64(bytes)) != nil {
		return -C.EINVAL
	}
	return 0
}
