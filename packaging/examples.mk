# Builds the examples against the installed library. Copy this folder to where you may write, then:
#
#   make                    all of them, with the library inside (jia-static)
#   make PACKAGE=jia        with the shared library
#   JIA_NPROC=4 ./sor

PACKAGE ?= jia-static
CFLAGS ?= -O2
PROGRAMS := $(patsubst %.c,%,$(wildcard *.c))

all: $(PROGRAMS)

hybrid: private OPENMP := -fopenmp

%: %.c
	$(CC) $(CFLAGS) -std=gnu99 $(OPENMP) $< $$(pkg-config --cflags --libs $(PACKAGE)) -lm -o $@

clean:
	rm -f $(PROGRAMS)

.PHONY: all clean
