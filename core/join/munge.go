package join

/*
#include <stdlib.h>
#include "launcher.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"unsafe"
)

// munge makes and takes apart credentials: bytes that a user of the cluster encodes and one user can decode, who also
// learns for certain who encoded them. libmunge is loaded at run time.
type munge struct {
	library C.struct_jia_munge
	socket  string // of its daemon, "" for the usual one
}

// openMunge loads the library and sees whether its daemon answers.
func openMunge(socket string) (*munge, error) {
	m := &munge{socket: socket}
	if problem := C.jia_munge_open(&m.library); problem != nil {
		return nil, errors.New("libmunge.so.2: " + C.GoString(problem))
	}
	_, err := m.encode([]byte("test"))
	return m, err
}

// encode makes a credential that processes of this user can decode, each once on every machine.
func (m *munge) encode(payload []byte) ([]byte, error) {
	socket := C.CString(m.socket)
	defer C.free(unsafe.Pointer(socket))
	var credential *C.char
	code := C.jia_munge_encode(&m.library, socket, C.uint(os.Geteuid()), unsafe.Pointer(&payload[0]), C.int(len(payload)), &credential)
	if code != 0 {
		return nil, m.problem(code)
	}
	defer C.free(unsafe.Pointer(credential))
	return []byte(C.GoString(credential)), nil
}

// decode takes a credential apart, and says which user made it.
func (m *munge) decode(credential []byte) (payload []byte, uid int, err error) {
	socket, text := C.CString(m.socket), C.CString(string(credential))
	defer C.free(unsafe.Pointer(socket))
	defer C.free(unsafe.Pointer(text))
	var data unsafe.Pointer
	var length C.int
	var encoder C.uint
	code := C.jia_munge_decode(&m.library, socket, text, &data, &length, &encoder)
	defer C.free(data)
	if code != 0 {
		return nil, 0, m.problem(code)
	}
	return C.GoBytes(data, length), int(encoder), nil
}

func (m *munge) problem(code C.int) error {
	return final{fmt.Errorf("munge: %s", C.GoString(C.jia_munge_problem(&m.library, code)))}
}
