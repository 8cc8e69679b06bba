#!/bin/sh
# Each generated header below DIRECTORY compiles alone, without a warning.
#
#   compile.sh DIRECTORY COMPILER OPTION...
set -eu
directory=$1
shift
count=0
for header in $(find "$directory" -name '*.sure.h' -size +0 | sort); do
  echo "$header"
  # Read as a source, for a header on its own may have unused things.
  echo "#include \"${header#"$directory"/}\"" | "$@" -I "$directory" -fsyntax-only -
  count=$((count + 1))
done
test $count -gt 0
