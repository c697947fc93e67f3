package pool

const (
	// Granule is what every object begins at a multiple of, in bytes.
	Granule = 16
	// MaxSmall is the largest size in bytes that has a class.
	MaxSmall = 32 << 10
	// MaxClasses bounds the number of classes of a pool.
	MaxClasses = 40

	maxSpan = 32 // pages
)

// Classes are the sizes that small objects of a pool are rounded up to. Constant once made.
type Classes struct {
	Sizes []uint32 // in bytes, ascending
	// Of gives the class of a size in granules, rounded up; its length is one more than the largest in granules.
	Of    []uint8
	pages []uint32 // of a span, by class
}

// NewClasses returns the classes of a pool whose objects are all aligned to align bytes, a power of two from Granule to the
// page size. With fixed above 0 there is one class, for objects of so many bytes; none if that is above MaxSmall.
func NewClasses(pageSize int, align, fixed uint64) *Classes {
	c := &Classes{}
	add := func(size uint64) {
		size = roundUp(size, align)
		if n := len(c.Sizes); size > MaxSmall || n > 0 && uint64(c.Sizes[n-1]) >= size {
			return
		}
		c.Sizes = append(c.Sizes, uint32(size))
		c.pages = append(c.pages, spanPages(uint64(pageSize), size))
	}
	if fixed > 0 {
		add(fixed)
	} else {
		for size := uint64(Granule); size <= 128; size += Granule {
			add(size)
		}
		for size := uint64(128); size < MaxSmall; size *= 2 { // four to each doubling: at most a fifth is lost
			for i := uint64(1); i <= 4; i++ {
				add(size + i*size/4)
			}
		}
	}
	if len(c.Sizes) == 0 {
		return c
	}
	most := uint64(c.Sizes[len(c.Sizes)-1])
	class := uint8(0)
	for g := uint64(0); g <= most/Granule; g++ {
		if g*Granule > uint64(c.Sizes[class]) {
			class++
		}
		c.Of = append(c.Of, class)
	}
	return c
}

// spanPages is how many pages a span of a class has: so few that less than a sixteenth is lost behind the last object, or
// else as many as lose the least.
func spanPages(pageSize, size uint64) uint32 {
	best, least := uint64(0), uint64(0) // loss in bytes
	for n := uint64(1); n <= maxSpan; n++ {
		if n*pageSize < size {
			continue
		}
		loss := n * pageSize % size
		if loss*16 < n*pageSize {
			return uint32(n)
		}
		if best == 0 || loss*best < least*n {
			best, least = n, loss
		}
	}
	return uint32(best)
}

// For returns the class for an object of size bytes whose address is a multiple of align; ok is false when it is none for a class.
func (c *Classes) For(size, align uint64, pageSize int) (class int, ok bool) {
	if size > MaxSmall || align > uint64(pageSize) || (size+Granule-1)/Granule >= uint64(len(c.Of)) {
		return 0, false
	}
	for class = int(c.Of[(size+Granule-1)/Granule]); class < len(c.Sizes); class++ {
		if uint64(c.Sizes[class])%align == 0 {
			return class, true
		}
	}
	return 0, false
}

// roundUp returns the least multiple of a power of two from n on. The caller sees to it that there is one.
func roundUp(n, power uint64) uint64 { return (n + power - 1) &^ (power - 1) }
