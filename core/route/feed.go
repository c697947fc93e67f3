package route

import (
	"errors"
	"net"
	"time"

	"jiajia/core/node"
)

// A feed is the data of all parts.
type feed struct {
	feeds []node.Feed
	sources
}

// Feed implements node.Transport.
func (t *Transport) Feed() node.Feed { return &t.feed }

// Take implements node.Feed.
func (f *feed) Take() error {
	for i, one := range f.feeds {
		if err := one.Take(); err != nil {
			for _, taken := range f.feeds[:i] {
				taken.Leave()
			}
			return err
		}
	}
	return nil
}

// Turn implements node.Feed.
func (f *feed) Turn() error {
	for _, one := range f.feeds {
		if err := one.Turn(); err != nil {
			return err
		}
	}
	return nil
}

// Leave implements node.Feed.
func (f *feed) Leave() {
	for _, one := range f.feeds {
		one.Leave()
	}
}

// Recall implements node.Transport.
func (t *Transport) Recall() { t.bell.ring() }

// Attend implements node.Transport.
func (t *Transport) Attend(done func() bool) error {
	if t.closed.Load() {
		return net.ErrClosed
	}
	if !t.attend.TryLock() {
		return errors.New("attend: another thread does")
	}
	defer t.attend.Unlock()
	if t.closed.Load() {
		return net.ErrClosed
	}
	if err := t.feed.Take(); err != nil {
		return err
	}
	defer t.feed.Leave()
	for start := time.Now(); !done(); {
		if t.closed.Load() {
			return net.ErrClosed
		}
		if err := t.feed.Turn(); err != nil || done() {
			return err
		}
		if time.Since(start) < t.spin {
			yield()
			continue
		}
		if err := t.sleeper.sleep(t.feed.sources, &t.bell, &t.end); err != nil {
			return err
		}
		t.bell.silence()
	}
	return nil
}
