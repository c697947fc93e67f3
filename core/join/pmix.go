package join

/*
#cgo CFLAGS: -O2 -Wall -Wextra
#include <stdlib.h>
#include "launcher.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"strconv"
	"time"
	"unsafe"

	"jiajia/core/conf"
)

// pmixClient is this process's session with a PMIx server, through libpmix.
type pmixClient struct {
	library C.struct_jia_pmix
	size    int
	opened  bool
}

// pmix detects PMIX_RANK and PMIX_NAMESPACE, which mpirun (Open MPI) and srun --mpi=pmix set. Where the library cannot be
// had, Slurm's own variables may still do.
func pmix(_ conf.Settings, getenv func(string) string) (*Launch, error) {
	rank, err := strconv.Atoi(getenv("PMIX_RANK"))
	if err != nil || rank < 0 || getenv("PMIX_NAMESPACE") == "" {
		return nil, nil
	}
	l := &Launch{Launcher: "mpirun (PMIx)", Rank: rank}
	sizeName := "OMPI_COMM_WORLD_SIZE"
	if local := getenv("OMPI_COMM_WORLD_LOCAL_SIZE"); local != "" {
		l.oneMachine = local == getenv(sizeName)
	} else if getenv("SLURM_STEP_ID") != "" {
		l.Launcher, sizeName = "srun (PMIx)", "SLURM_STEP_NUM_TASKS"
		l.oneMachine = getenv("SLURM_STEP_NUM_NODES") == "1"
	}
	if l.Size, _ = strconv.Atoi(getenv(sizeName)); l.Size == 1 {
		return l, nil
	}
	client, err := openPMIx()
	if err != nil {
		if sizeName == "SLURM_STEP_NUM_TASKS" {
			return nil, nil
		}
		return nil, fmt.Errorf("host %d under %s: %w", rank, l.Launcher, err)
	}
	if l.Size = client.size; l.Size == 1 {
		return l, client.close()
	}
	if rank >= l.Size {
		return nil, fmt.Errorf("%s says that this is process %d of %d", l.Launcher, rank, l.Size)
	}
	l.means = byBoard{client}
	return l, nil
}

// openPMIx loads the library and begins a session.
func openPMIx() (*pmixClient, error) {
	c := &pmixClient{}
	if problem := C.jia_pmix_open(&c.library); problem != nil {
		return nil, fmt.Errorf("load libpmix.so.2: %s: install PMIx (package libpmix2), or name its folder in LD_LIBRARY_PATH",
			C.GoString(problem))
	}
	var size C.uint32_t
	if err := c.check("start", C.jia_pmix_start(&c.library, &size)); err != nil {
		return nil, err
	}
	c.size, c.opened = int(size), true
	return c, nil
}

func (c *pmixClient) check(what string, code C.int) error {
	if code == 0 {
		return nil
	}
	return fmt.Errorf("PMIx: %s: %s", what, C.GoString(C.jia_pmix_problem(&c.library, code)))
}

func (c *pmixClient) limit() int { return 4096 }

func (c *pmixClient) share(rank int, text string) (string, error) {
	if rank == 0 {
		value := C.CString(text)
		defer C.free(unsafe.Pointer(value))
		if err := c.check("put", C.jia_pmix_put(&c.library, value)); err != nil {
			return "", err
		}
	}
	// The library can wait for ever.
	fenced := make(chan C.int, 1)
	go func() { fenced <- C.jia_pmix_fence(&c.library) }()
	select {
	case code := <-fenced:
		if err := c.check("fence", code); err != nil {
			return "", err
		}
	case <-time.After(joinLimit):
		return "", fmt.Errorf("PMIx: no fence for %v: have all processes of the job been started, and do all call jia_init?", joinLimit)
	}
	var got *C.char
	if err := c.check("get", C.jia_pmix_get(&c.library, 0, &got)); err != nil {
		return "", err
	}
	defer C.free(unsafe.Pointer(got))
	if got == nil {
		return "", errors.New("PMIx: get: nothing")
	}
	return C.GoString(got), c.close()
}

func (c *pmixClient) close() error {
	c.opened = false
	return c.check("finalize", C.jia_pmix_end(&c.library))
}

func (c *pmixClient) abort() {
	if c.opened {
		C.jia_pmix_abort(&c.library)
	}
}
