package rdma

// The sizes of an end of a connection.
const (
	segmentBytes = 4160 // of a receive buffer: a header and a page of the usual size
	packetBytes  = 4096 // of the largest packet
	buffers      = 10   // that a receiver has for each connection
	spare        = 2    // of these, for segments that only grant credits
	dataCredits  = buffers - spare
	grantFrom    = dataCredits / 2 // so many credits are worth a segment of their own
)

// credits count the receive buffers of both ends of a connection, as far as the sender here knows.
//
// A segment that only grants is sent for grantFrom credits or more. The other end cannot have more than dataCredits of them
// without having heard of it; so no more than dataCredits/grantFrom such segments are on the way at once, which is what spare is for,
// and they need no credit themselves.
type credits struct {
	left int // segments with bytes that may be sent
	owed int // buffers that were emptied here and not told of
}

// spend takes the credit for a segment with bytes, and returns what it grants by the way.
func (c *credits) spend() (grant uint32, ok bool) {
	if c.left == 0 {
		return 0, false
	}
	c.left--
	grant, c.owed = uint32(c.owed), 0
	return grant, true
}

// grant returns what a segment without bytes is to grant now; nothing if it is not worth it.
func (c *credits) grant() (grant uint32, ok bool) {
	if c.owed < grantFrom {
		return 0, false
	}
	grant, c.owed = uint32(c.owed), 0
	return grant, true
}

// granted takes credits in. ok is false when there are more than buffers.
func (c *credits) granted(n uint32) (ok bool) {
	if n > dataCredits || c.left+int(n) > dataCredits {
		return false
	}
	c.left += int(n)
	return true
}
