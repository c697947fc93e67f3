//go:build !asan && !race

package region_test

const sanitized = false
