//go:build !asan && !race

package node

const sanitized = false
