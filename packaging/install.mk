# Installing, and the Debian packages. Included by the Makefile. scripts/install.sh has the list of files.

# Where things go, as programs will see it; DESTDIR, in front of all, while a package is made.
PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR     ?= $(PREFIX)/share/man
DOCDIR     ?= $(PREFIX)/share/doc/jia
DESTDIR    ?=

VERSION  := $(shell scripts/version.sh)
SHARED   := build/shared/libjia.so.$(VERSION)
COMMANDS := $(patsubst cmd/%/,build/bin/%,$(wildcard cmd/*/))
MANPAGES := build/man/man7/jia.7
INSTALL   = PREFIX='$(PREFIX)' BINDIR='$(BINDIR)' LIBDIR='$(LIBDIR)' INCLUDEDIR='$(INCLUDEDIR)' MANDIR='$(MANDIR)' \
            DOCDIR='$(DOCDIR)' DESTDIR='$(DESTDIR)' scripts/install.sh

.PHONY: all
all: $(LIB) $(SHARED) $(COMMANDS) $(MANPAGES) ## all that is installed: libjia.a, libjia.so, commands, manual pages

$(SHARED): $(LIB) scripts/shared.sh scripts/version.sh core/conf/version.go
	scripts/shared.sh $(LIB) $(@D)

# jia-net measures RDMA, too, where the headers of rdma-core are.
RDMA ?= $(if $(and $(wildcard /usr/include/infiniband/verbs.h),$(wildcard /usr/include/rdma/rdma_cma.h)),1,0)

build/bin/%: $(SOURCES) $(wildcard cmd/*/*.go) go.mod go.sum
	$(GO) build -trimpath -buildvcs=false -buildmode=pie $(if $(filter 1,$(RDMA)),-tags rdma) -o $@ ./cmd/$*

$(MANPAGES): include/jia.h $(wildcard core/conf/*.go) $(wildcard scripts/manpages/*.go)
	$(GO) run ./scripts/manpages -out build/man -version $(VERSION)

.PHONY: install
install: all ## install under PREFIX (/usr/local); BINDIR, LIBDIR, INCLUDEDIR, MANDIR, DOCDIR, DESTDIR as usual
	$(INSTALL) install

.PHONY: uninstall
uninstall: $(COMMANDS) $(MANPAGES) ## remove what `make install` with the same variables put there
	$(INSTALL) uninstall

.PHONY: deb
deb: all ## Debian packages libjia3 and libjia-dev, in build/deb
	scripts/deb.sh

.PHONY: install-test
install-test: all ## programs against the installed copy and the Debian packages, in temporary folders
	tests/install/run.sh
