#!/bin/sh
# version.sh: print the version of the library, MAJOR.MINOR.PATCH. Its one place is core/conf/version.go.
sed -n 's/^const Version = "\(.*\)"$/\1/p' "$(dirname "$0")/../core/conf/version.go" | grep .
