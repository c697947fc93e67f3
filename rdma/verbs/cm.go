//go:build rdma

package verbs

// #include "lib.h"
import "C"

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Private data, in bytes, that a host can send along with a request, and with the answer.
const (
	MaxRequest = 56
	MaxAnswer  = 196
	MaxReject  = 148
)

// An EventType says what an Event tells.
type EventType int

// The events that need a name; String knows them all.
const (
	AddressResolved EventType = C.RDMA_CM_EVENT_ADDR_RESOLVED
	RouteResolved   EventType = C.RDMA_CM_EVENT_ROUTE_RESOLVED
	Requested       EventType = C.RDMA_CM_EVENT_CONNECT_REQUEST
	Rejected        EventType = C.RDMA_CM_EVENT_REJECTED
	Unreachable     EventType = C.RDMA_CM_EVENT_UNREACHABLE
	Established     EventType = C.RDMA_CM_EVENT_ESTABLISHED
	Disconnected    EventType = C.RDMA_CM_EVENT_DISCONNECTED
	DeviceRemoved   EventType = C.RDMA_CM_EVENT_DEVICE_REMOVAL
	TimeWaitOver    EventType = C.RDMA_CM_EVENT_TIMEWAIT_EXIT
	AddressChanged  EventType = C.RDMA_CM_EVENT_ADDR_CHANGE
)

func (t EventType) String() string { return C.GoString(C.jv_event_name(C.int(t))) }

// A Handle names an ID in events.
type Handle uintptr

// An Event is one of the connection manager.
type Event struct {
	Type   EventType
	Status int    // an errno below 0, a reason code above
	On     Handle // of the ID that it is about
	New    *ID    // Requested: the connection that is asked for; it is the receiver's
	Data   []byte // private data, padded with zeros

	ReadsAtOnce int // Requested, and Established at who has asked: as the other end has given it
}

// An EventChannel is where events of IDs come. FD becomes readable; it does not block.
type EventChannel struct {
	c  *C.struct_rdma_event_channel
	FD int
}

// NewEventChannel makes one.
func NewEventChannel() (*EventChannel, error) {
	var ch EventChannel
	if err := unopened("rdma_create_event_channel", C.jv_channel(&ch.c)); err != nil {
		return nil, err
	}
	ch.FD = int(ch.c.fd)
	return &ch, nil
}

// Next takes an event; its error is unix.EAGAIN when there is none.
func (ch *EventChannel) Next() (*Event, error) {
	var c C.struct_jv_event
	rc := C.jv_event(ch.c, &c)
	if rc == -C.EAGAIN {
		return nil, unix.EAGAIN
	}
	if err := failed("rdma_get_cm_event", rc); err != nil {
		return nil, err
	}
	e := &Event{Type: EventType(c._type), Status: int(c.status), On: Handle(unsafe.Pointer(c.id)), ReadsAtOnce: int(c.rd_atomic)}
	e.Data = C.GoBytes(unsafe.Pointer(&c.data[0]), c.length)
	if e.Type == Requested {
		e.New, e.On = &ID{c.id}, Handle(unsafe.Pointer(c.listener))
	}
	return e, nil
}

// Free ends the channel, after its IDs.
func (ch *EventChannel) Free() { C.jv_channel_free(ch.c) }

// An ID is an end of a connection, or a listener.
type ID struct{ id *C.struct_rdma_cm_id }

// NewID makes one.
func (ch *EventChannel) NewID() (*ID, error) {
	var id ID
	if err := failed("rdma_create_id", C.jv_id(ch.c, &id.id)); err != nil {
		return nil, err
	}
	return &id, nil
}

// Handle is what events call the ID.
func (id *ID) Handle() Handle { return Handle(unsafe.Pointer(id.id)) }

// Free ends the connection, if there is one, and the ID. Its queue pair must have been freed.
func (id *ID) Free() error { return failed("rdma_destroy_id", C.jv_id_free(id.id)) }

// Context is the device that the ID is bound to; ok is false when it is to none.
func (id *ID) Context() (c Context, ok bool) { return Context{id.id.verbs}, id.id.verbs != nil }

// Device is the name of that device and the port's number, for messages.
func (id *ID) Device() string {
	return C.GoString(&id.id.verbs.device.name[0]) + " port " + strconv.Itoa(int(id.id.port_num))
}

// Joinable tells whether the ID's device is of InfiniBand or RoCE. Those of iWARP know no immediate data, nor queue pairs that are joined beside
// the connection manager's.
func (id *ID) Joinable() bool { return id.id.verbs.device.transport_type == C.IBV_TRANSPORT_IB }

// Active tells whether the ID's port is.
func (id *ID) Active() (bool, error) {
	rc := C.jv_port_active(id.id)
	return rc == 1, failed("ibv_query_port", rc)
}

// LocalPort is the port that the ID is bound to.
func (id *ID) LocalPort() uint16 {
	// Both kinds of addresses have it in the same place.
	port := (*[2]byte)(unsafe.Add(unsafe.Pointer(&id.id.route.addr), 2))
	return uint16(port[0])<<8 | uint16(port[1])
}

func address(a netip.AddrPort) (c C.struct_jv_address, err error) {
	ip := a.Addr().Unmap()
	c.port = C.uint16_t(a.Port())
	if ip.Is6() {
		c.v6 = 1
	}
	for i, b := range ip.AsSlice() {
		c.ip[i] = C.uchar(b)
	}
	if zone := ip.Zone(); zone != "" {
		n, err := strconv.ParseUint(zone, 10, 32)
		if err != nil {
			return c, fmt.Errorf("address %v: its zone must be a number", a)
		}
		c.scope = C.uint32_t(n)
	}
	return c, nil
}

// Bind binds the ID to an address of this machine; it has a Context then if the address is that of a device.
func (id *ID) Bind(a netip.AddrPort) error {
	c, err := address(a)
	if err != nil {
		return err
	}
	return failed("rdma_bind_addr", C.jv_bind(id.id, &c))
}

// Listen has requests come as events.
func (id *ID) Listen(backlog int) error {
	return failed("rdma_listen", C.jv_listen(id.id, C.int(backlog)))
}

// ResolveAddress and ResolveRoute find the way to another host; events tell the result, within so many milliseconds.
func (id *ID) ResolveAddress(from, to netip.AddrPort, ms int) error {
	f, err := address(from)
	if err != nil {
		return err
	}
	t, err := address(to)
	if err != nil {
		return err
	}
	return failed("rdma_resolve_addr", C.jv_resolve(id.id, &f, &t, C.int(ms)))
}

// ResolveRoute is described at ResolveAddress.
func (id *ID) ResolveRoute(ms int) error {
	return failed("rdma_resolve_route", C.jv_route(id.id, C.int(ms)))
}

// SetTimeout has the connection's queue pair wait for acknowledgements as AckTimeout says; before Connect or Accept.
func (id *ID) SetTimeout() error {
	return failed("rdma_set_option", C.jv_timeout(id.id, AckTimeout))
}

// private returns a copy of data: cgo does not like what lies in an object with pointers.
func private(data []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(bytes.Clone(data))) }

// Connect asks the resolved host for a connection, with up to MaxRequest bytes of private data.
func (id *ID) Connect(data []byte, readsAtOnce int) error {
	return failed("rdma_connect", C.jv_connect(id.id, private(data), C.int(len(data)), C.int(readsAtOnce)))
}

// Accept grants a request, with up to MaxAnswer bytes.
func (id *ID) Accept(data []byte, readsAtOnce int) error {
	return failed("rdma_accept", C.jv_accept(id.id, private(data), C.int(len(data)), C.int(readsAtOnce)))
}

// Reject refuses it, with up to MaxReject bytes.
func (id *ID) Reject(data []byte) error {
	return failed("rdma_reject", C.jv_reject(id.id, private(data), C.int(len(data))))
}

// Disconnect ends the connection: its queue pair fails, and the other end is told.
func (id *ID) Disconnect() error { return failed("rdma_disconnect", C.jv_disconnect(id.id)) }

// Migrate has the ID's events come to another channel from now on.
func (id *ID) Migrate(ch *EventChannel) error {
	return failed("rdma_migrate_id", C.jv_migrate(id.id, ch.c))
}
