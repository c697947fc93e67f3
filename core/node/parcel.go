package node

import (
	"encoding/binary"
	"errors"
	"math"

	"jiajia/core/wire"
)

// Registered memory that a host has read for another one, whose directory does not have it.

// parcel is the registered memory of one host.
type parcel struct {
	to   wire.HostID
	list []Section
}

// takePrivate keeps what the program will ask for.
func (n *Node) takePrivate(list []Section) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range list {
		n.restored.private[s.Name] = s.Data
	}
}

// exchangePrivate sends parcels, and receives the one for this host if another one has read it.
func (n *Node) exchangePrivate(others []parcel, readers []int) error {
	sent := make(chan struct{})
	go func() { // a host whose reader this one is may be the one that this host waits for
		defer close(sent)
		for _, p := range others {
			n.sendParcel(p)
		}
	}()
	var err error
	if self := int(n.cfg.Self); self < len(readers) && readers[self] != self {
		m := n.Recv(wire.HostID(readers[self]), 0, math.MaxUint64)
		data := make([]byte, m.Size)
		m.Read(data)
		var list []Section
		if list, err = unpackSections(data); err == nil {
			n.takePrivate(list)
		}
	}
	<-sent
	return err
}

func (n *Node) sendParcel(p parcel) {
	data := packSections(p.list)
	total := uint64(len(data))
	number := n.NewMessage(total)
	for first := true; first || len(data) > 0; first = false {
		k := min(len(data), wire.MaxData)
		n.Send(p.to, 0, number, total, data[:k])
		data = data[k:]
	}
}

// packSections returns the lengths of the name and of the data, 8 bytes each, and both, of each section.
func packSections(list []Section) (data []byte) {
	for _, s := range list {
		data = binary.LittleEndian.AppendUint64(data, uint64(len(s.Name)))
		data = binary.LittleEndian.AppendUint64(data, uint64(len(s.Data)))
		data = append(append(data, s.Name...), s.Data...)
	}
	return data
}

var errParcel = errors.New("registered memory that another host has read came cut short")

func unpackSections(data []byte) (list []Section, err error) {
	for len(data) > 0 {
		if len(data) < 16 {
			return nil, errParcel
		}
		name, size := binary.LittleEndian.Uint64(data), binary.LittleEndian.Uint64(data[8:])
		data = data[16:]
		if name > uint64(len(data)) || size > uint64(len(data))-name {
			return nil, errParcel
		}
		list = append(list, Section{string(data[:name]), data[name : name+size]})
		data = data[name+size:]
	}
	return list, nil
}
