//go:build rdma

package rdma

// Device names the device that the transport uses, after Card and before Start or Close; "" when there is none.
func (t *Transport) Device() string {
	if t.door == nil {
		return ""
	}
	return t.door.id.Device()
}
