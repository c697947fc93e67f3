# Builds the examples against the installed library. Copy this folder to where you may write, then:
#
#   make                    those in C, with the library inside (jia-static)
#   make fortran            those in FORTRAN
#   make PACKAGE=jia        with the shared library
#   JIA_NPROC=4 ./sor

PACKAGE ?= jia-static
CFLAGS ?= -O2
FC := gfortran
FFLAGS ?= -O2
STANDARD = -std=gnu99
FORTRAN := fortran/mm_f77 fortran/heat_f90
PROGRAMS := $(patsubst %.c,%,$(wildcard *.c tutorial/*.c porting/*.c))
INCLUDE = $$(pkg-config --variable=includedir $(PACKAGE))
LIBS = $$(pkg-config --libs $(PACKAGE)) -lm

all: $(PROGRAMS)

fortran: $(FORTRAN)

hybrid: private OPENMP := -fopenmp

# A program of 1999, see docs/porting.md.
porting/%: private STANDARD = -std=gnu89

%: %.c
	$(CC) $(CFLAGS) $(STANDARD) $(OPENMP) $< $$(pkg-config --cflags $(PACKAGE)) $(LIBS) -o $@

%_f77: %.f
	$(FC) $(FFLAGS) -std=legacy -fcray-pointer -I$(INCLUDE) $< $(LIBS) -o $@

%_f90: %.f90
	$(FC) $(FFLAGS) -J$(@D) $(INCLUDE)/jia.f90 $< $(LIBS) -o $@

clean:
	rm -f $(PROGRAMS) $(FORTRAN) fortran/*.mod

.PHONY: all fortran clean
