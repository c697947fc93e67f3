package region_test

import (
	"strings"
	"testing"
	"unsafe"

	"jiajia/core/region"
	"jiajia/core/region/regiontest"
)

// wordOf returns the first word of a frame, for atomic loads.
func wordOf(frame []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(frame)) }

func refuse(uint64, region.Write) bool { return false }

func TestDefaults(t *testing.T) {
	r, err := region.Open(region.Config{OnFault: refuse})
	if err != nil {
		t.Fatal(err)
	}
	if r.Base() != 0x400000000000 || r.PageSize() != 4096 || r.Pages() != 1<<28 {
		t.Errorf("base %#x, page size %d, %d pages", r.Base(), r.PageSize(), r.Pages())
	}
	if !strings.HasPrefix(r.Why(), r.Backend()) {
		t.Errorf("backend %q, because %q", r.Backend(), r.Why())
	}
	r.Frame(r.Pages() - 1)[0] = 1
	must(t, r.Close())
	if r.Close() == nil {
		t.Error("a second Close succeeds")
	}
}

func TestOneRegionAfterAnother(t *testing.T) {
	for _, mode := range []region.Mode{region.Mprotect, region.Auto, region.Plain, region.Mprotect} {
		h := &host{}
		cfg := region.Config{Size: 1 << 20, Mode: mode, OnFault: h.onFault}
		var err error
		if h.Region, err = region.Open(cfg); err != nil {
			t.Fatal(err)
		}
		if _, err := region.Open(cfg); err == nil {
			t.Error("a second region opens beside the first")
		}
		h.expectLoad(t, 1, 0, 0)
		regiontest.Store(h.addr(1), 1)
		if mode == region.Plain {
			h.expectFaults(t, "plain", 0, 0)
		} else {
			h.expectFaults(t, h.Backend(), 1, 1)
		}
		must(t, h.Close())
	}
}

func TestPlainIsOrdinaryMemory(t *testing.T) {
	h := openHost(t, region.Plain, 8, 4096)
	must(t, h.MapFresh(0, 8))
	must(t, h.Protect(0, 8))
	must(t, h.Unmap(0, 8))
	regiontest.Store(h.addr(5), 5)
	if h.Frame(5)[0] != 5 {
		t.Error("the views differ")
	}
	must(t, h.Discard(5, 1))
	h.expectLoad(t, 5, 0, 0)
	h.expectFaults(t, "plain", 0, 0)
}

func TestOpenErrors(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  region.Config
		want []string
	}{
		{"page size", region.Config{PageSize: 1000, OnFault: refuse}, []string{"page size 1000", "multiple"}},
		{"base", region.Config{Base: 0x400000000001, OnFault: refuse}, []string{"0x400000000001", "multiple"}},
		{"too small", region.Config{Size: 100, OnFault: refuse}, []string{"smaller than one page"}},
		{"mode", region.Config{Mode: "magic", OnFault: refuse}, []string{`"magic"`, "mprotect"}},
		{"no OnFault", region.Config{}, []string{"OnFault"}},
		{"beyond the address space", region.Config{Size: 1 << 50, OnFault: refuse}, []string{"0x400000000000", "reserve less"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := region.Open(c.cfg)
			if err == nil {
				r.Close()
				t.Fatal("opens")
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q does not mention %q", err, w)
				}
			}
		})
	}
}

func TestOpenAtATakenAddress(t *testing.T) {
	var taken int // whatever is mapped here, it is not ours
	at := uintptr(unsafe.Pointer(&taken)) &^ 4095
	_, err := region.Open(region.Config{Base: at, Size: 1 << 20, OnFault: refuse})
	if err == nil || !strings.Contains(err.Error(), "is taken (") {
		t.Errorf("error %v does not say that the address is taken, and by what", err)
	}
}

func TestPagesOutsideTheRegionPanic(t *testing.T) {
	h := openHost(t, region.Mprotect, 8, 4096)
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	h.Unmap(7, 2)
}
