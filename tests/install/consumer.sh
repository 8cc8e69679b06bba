#!/bin/bash
# usage: consumer.sh CONSUMER-DIRECTORY BUILD-DIRECTORY CMAKE
#
# Installs the build into an empty directory; builds the consumer with find_package, and its main
# once more by hand with pkg-config; runs both.
set -euo pipefail
consumer=$1
build=$2
cmake=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$cmake" --install "$build" --prefix "$work/prefix" >/dev/null
"$cmake" -G Ninja -S "$consumer" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/prefix" >/dev/null
"$cmake" --build "$work/build"
cd "$work"
build/consumer

lib=$(dirname "$(find "$work/prefix" -name libsure.so)")
export PKG_CONFIG_PATH=$lib/pkgconfig
read -ra flags < <(pkg-config --define-variable=prefix="$work/prefix" \
  --define-variable=libdir="$lib" --define-variable=includedir="$work/prefix/include" \
  --cflags --libs sure-sqlite)
generated=$work/build/consumer.sure
cc -std=c17 -I"$generated" "$consumer/main.c" "$generated"/*.c "${flags[@]}" -o by-hand
LD_LIBRARY_PATH=$lib ./by-hand
