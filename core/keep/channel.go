package keep

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"jiajia/ckpt"
)

// A channel is the keeper's end of the connection with one run.
type channel struct {
	value   string        // of Env
	reports chan Report   // as they come
	over    chan struct{} // closed at the end of the reports; nil if that is no sign of anything

	read  *os.File
	fd    int    // of read, a pipe
	write int    // -1 when it is closed
	path  string // of read, a file
	seen  int64  // its size when ended last read it
}

// openPipe makes a pipe for a job on this machine. A child that is started before spawned is called inherits its other end.
func openPipe() (*channel, error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("create a pipe: %w", err)
	}
	const above = 10 // out of the way of programs that expect small numbers from open
	write, err := unix.FcntlInt(uintptr(ends[1]), unix.F_DUPFD, above)
	_ = unix.Close(ends[1])
	if err != nil {
		_ = unix.Close(ends[0])
		return nil, fmt.Errorf("create a pipe: %w", err)
	}
	if err := unix.SetNonblock(ends[0], true); err != nil {
		return nil, fmt.Errorf("create a pipe: %w", err)
	}
	c := &channel{value: fmt.Sprintf("%d,%d", write, os.Getpid()), reports: make(chan Report), over: make(chan struct{}),
		read: os.NewFile(uintptr(ends[0]), "reports"), fd: ends[0], write: write}
	go c.listen()
	return c, nil
}

// listen passes on what comes through the pipe, until its end or finish.
func (c *channel) listen() {
	defer close(c.over)
	var held, buf [maxReport]byte
	n := 0 // bytes of an unfinished line in held
	accept := func(data []byte) {
		for _, b := range data {
			if b != '\n' {
				if n < len(held) {
					held[n] = b
				}
				n++
				continue
			}
			if r, ok := decode(held[:min(n, len(held))]); ok {
				c.reports <- r
			}
			n = 0
		}
	}
	for {
		got, err := c.read.Read(buf[:])
		accept(buf[:got])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil {
			return
		}
	}
	for { // what was there when finish was called
		got, err := unix.Read(c.fd, buf[:])
		if err == unix.EINTR {
			continue
		}
		if got <= 0 {
			return
		}
		accept(buf[:got])
	}
}

// finish has the reports end with those that have been written. The pipe may be open elsewhere for as long as it likes.
func (c *channel) finish() { _ = c.read.SetReadDeadline(time.Unix(1, 0)) }

// openFile makes a file for a job whose processes a launcher starts, perhaps on other machines: where its checkpoints are, since host 0
// writes there too.
func openFile(dir string) (*channel, error) {
	if dir == "" {
		dir = os.TempDir()
	} else if err := ckpt.Open(dir).Make(); err != nil {
		return nil, fmt.Errorf("make the directory of the checkpoints: %w", err)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("name the directory of the checkpoints: %w", err)
	}
	sweep(dir)
	for {
		file, err := os.CreateTemp(dir, reportFile)
		if err != nil {
			return nil, fmt.Errorf("make a file for what the hosts report: %w", err)
		}
		var st unix.Stat_t
		if hold(file) == nil && unix.Fstat(int(file.Fd()), &st) == nil && st.Nlink == 0 {
			_ = file.Close() // another keeper took it for one that is left over
			continue
		}
		// The checkpoints may fill the disk. Where room cannot be kept free, the exit status has to do.
		_ = unix.Fallocate(int(file.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, 4*maxReport)
		return &channel{value: file.Name(), read: file, write: -1, path: file.Name()}, nil
	}
}

// reportFile is what the names of the files begin with.
const reportFile = "jia-restart-"

// sweep removes the files of keepers that were killed. Each keeper holds a lock on its own for as long as it lives; where the file system
// has no locks nothing is removed.
func sweep(dir string) {
	old, _ := filepath.Glob(filepath.Join(dir, reportFile+"*")) // a path that is a bad pattern has none that we can find
	for _, path := range old {
		file, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
		if err != nil {
			continue
		}
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() && hold(file) == nil {
			_ = os.Remove(path)
		}
		_ = file.Close()
	}
}

// ended tells whether the reports in a file say that the job has ended for want of something.
func (c *channel) ended() bool {
	info, err := c.read.Stat()
	if err != nil || info.Size() == c.seen {
		return false
	}
	c.seen = info.Size()
	return slices.ContainsFunc(c.rest(), func(r Report) bool { return r.Kind == Lost || r.Kind == Failed || r.Kind == Unreachable })
}

// hold locks a file unless somebody else has it locked.
func hold(file *os.File) error { return unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB) }

// spawned closes what the child has inherited.
func (c *channel) spawned() {
	if c.write >= 0 {
		_ = unix.Close(c.write)
		c.write = -1
	}
}

// rest returns the reports that are in a file.
func (c *channel) rest() (all []Report) {
	if c.path == "" {
		return nil
	}
	const most = 1 << 20 // one line for each host that has something to say
	buf := make([]byte, most)
	n, _ := c.read.ReadAt(buf, 0) // its end is an error, too
	for _, line := range strings.SplitAfter(string(buf[:n]), "\n") {
		if r, ok := decode([]byte(line)); ok {
			all = append(all, r)
		}
	}
	return all
}

func (c *channel) close() {
	c.spawned()
	_ = c.read.Close()
	if c.path != "" {
		_ = os.Remove(c.path)
	}
}
