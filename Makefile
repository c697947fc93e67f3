# JIAJIA 3.0: a shared memory for the processes of a C program.
#
#   make          build/libjia.a; with include/jia.h it is all that a program needs
#   make help     every target, from the notes behind ## below
#
# A step that `make test` runs is a target of its own, so that a red one can be repeated alone.

GO ?= go
# What `make fuzz` spends on each fuzz target: seconds, or a number of inputs, as 10000x.
FUZZTIME ?= 10s
# Processes that `make demo` starts for each example.
NPROC ?= 4

# 1: with the RDMA transport, 0: without; not set: with it where its headers are.
RDMA ?=

LIB      := build/libjia.a
# All that the archive is made of: the Go packages and the C files inside them.
SOURCES  := $(shell find $(wildcard cabi core epoll shm rdma lru pool ckpt include) \
              \( -name '*.go' -o -name '*.c' -o -name '*.h' -o -name '*.S' \) ! -name '*_test.go')
# Packages whose tests need no built library; those below tests/ do.
PACKAGES  = $(shell $(GO) list ./... | grep -v '^jiajia/tests')

# Debian packages that tests/lab needs.
LABTOOLS := qemu-system-x86 busybox-static kmod cpio xz-utils zstd iproute2 rdma-core ibverbs-providers ibverbs-utils \
            rdmacm-utils perftest libibverbs-dev librdmacm-dev

export GO RDMA

TAGS := $(shell RDMA='$(RDMA)' scripts/tags.sh || echo failed)
ifeq ($(TAGS),failed)
$(error the library's build tags cannot be told)
endif

.DEFAULT_GOAL := lib
.DELETE_ON_ERROR:

.PHONY: lib
lib: $(LIB) ## build build/libjia.a (the default)

$(LIB): go.mod go.sum scripts/archive.sh build/tags $(SOURCES)
	scripts/archive.sh $@

# Changes when the tags do, and then what is built with them is built again.
.PHONY: force
build/tags: force
	@mkdir -p build
	@echo '$(TAGS)' | cmp -s - $@ || echo '$(TAGS)' > $@

include packaging/install.mk

.PHONY: examples
examples: $(LIB) ## build the example programs into build/examples
	$(MAKE) --no-print-directory -C c_examples

.PHONY: demo
demo: ## build, then run every example on 4 processes; each checks its own answer
	@scripts/need.sh go gcc libc6-dev make
	@echo "Building the library and the examples ..."
	@$(MAKE) -s --no-print-directory examples
	@scripts/demo.sh $(NPROC)

.PHONY: test
test: ## everything that must pass (about 35 minutes on 2 cores)
	@scripts/need.sh go gcc g++ gfortran libc6-dev make spin shellcheck cmake util-linux iproute2 \
	  openssh-server openssh-client slurmd slurmctld slurm-client slurm-wlm-basic-plugins munge mpich openmpi-bin \
	  pkg-config mandoc man-db debhelper lintian $(LABTOOLS)
	@scripts/steps.sh lint unit race asan model header fortran fuzz-smoke processes processes-shared examples-run cmake \
	  install-test test-rdma

.PHONY: check
check: ## the quick part of `make test` (under 3 minutes)
	@scripts/need.sh go gcc g++ libc6-dev make shellcheck
	@scripts/steps.sh lint unit header examples-run

# --- the steps of `make test` ---

.PHONY: lint
lint: ## formatting, vet, staticcheck, shellcheck, C warnings
	scripts/lint.sh

.PHONY: unit
unit: ## tests of the Go packages
	$(GO) test -tags '$(TAGS)' $(PACKAGES)

.PHONY: race
race: ## the same under the race detector, with fewer random programs
	$(GO) test -tags '$(TAGS)' -race -short $(PACKAGES)

.PHONY: asan
asan: $(LIB) ## page kernels and examples under the address sanitizer
	scripts/asan.sh

.PHONY: model
model: ## model checker: the quick stories hold, and planted bugs are found
	docs/model/run_all.sh quick
	docs/model/bugs.sh quick

.PHONY: model-full
model-full: ## model checker: every story, every planted bug (about 8 minutes)
	docs/model/run_all.sh
	docs/model/bugs.sh

.PHONY: header
header: $(LIB) ## include/jia.h under every C and C++ standard that programs use
	tests/header/run.sh build

.PHONY: fortran
fortran: $(LIB) ## FORTRAN, old and new: every call, and the examples on 4 processes
	tests/fortran/run.sh build
	$(MAKE) --no-print-directory -C c_examples/fortran
	scripts/demo.sh 4 build/examples/fortran

.PHONY: fuzz-smoke
# A number of inputs: at the end of a time Go before 1.27 fails now and then without a cause (go.dev/issue/75804).
fuzz-smoke: ## each fuzz target with ten thousand inputs
	FUZZTIME=10000x scripts/fuzz.sh

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME (10s)
	FUZZTIME=$(FUZZTIME) scripts/fuzz.sh

.PHONY: processes
# One package after the other: they use the whole machine, and look for what others might leave behind.
processes: examples ## real processes: examples and random programs, both fault backends, as an ordinary user too
	$(GO) test -count=1 -p 1 -timeout 30m $$($(GO) list ./tests/... | grep -v /lab$$)

.PHONY: processes-shared
processes-shared: ## a part of the same with libjia.so: what may depend on how a program is linked
	$(GO) test -count=1 -short -skip 'SmallCache|Random|PageSizes|LargerThan|PoolStorm|ReadAhead|Hung|Hanging|Paused|Beat|Deadline|LateHosts|Killed|Periodic|Freed|RestoreUnder' ./tests -shared

.PHONY: examples-run
examples-run: examples ## the examples on 1 process and on 4, and the tutorial's programs
	scripts/demo.sh 1
	scripts/demo.sh 4
	scripts/demo.sh 4 build/examples/tutorial

.PHONY: cmake
cmake: ## the CMake build and its tests
	cmake -S . -B build/cmake
	cmake --build build/cmake
	ctest --test-dir build/cmake --output-on-failure

.PHONY: test-rdma
test-rdma: ## RDMA tests on 2 and 4 Soft-RoCE devices, in a virtual machine (see tests/lab/README.md)
	@scripts/need.sh go gcc libc6-dev $(LABTOOLS)
	$(GO) test -count=1 -timeout 60m -v ./tests/lab

# --- not part of `make test` ---

.PHONY: bench
bench: examples ## the benchmark beside bare socket work in C, and starting beside a bare ssh (as root); prints the ratios
	$(GO) run ./tests/bench
	$(GO) test ./tests/ssh -run '^$$' -bench Launch -benchtime 25x

.PHONY: bench-net
bench-net: build/bin/jia-net ## networks compared by jia-net: loopback, veth (as root), Soft-RoCE in a virtual machine
	@scripts/need.sh $(LABTOOLS)
	@tests/bench/net.sh build/bin/jia-net

.PHONY: clean
clean: ## remove build/
	rm -rf build

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
