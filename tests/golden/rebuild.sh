#!/bin/sh
# sure_generate makes its output again when an imported file changes, and only then.
#
#   rebuild.sh PROJECT_DIR SURE_GENERATE PROTOC TOOL_DIR IDL_DIR PROTOBUF_DIR INCLUDE_DIRS COMPILER
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/idl/more"
cp "$1/CMakeLists.txt" "$work/"

write_types() {
  printf 'syntax = "proto3"; package more; message %s {} message Other {}\n' "$1" \
    >"$work/idl/more/types.proto"
}
write_types Request
cat >"$work/idl/user.proto" <<'PROTO'
syntax = "proto3";
import "more/types.proto";
service User { rpc Do(more.Other) returns (more.Other); }
PROTO

cmake -G Ninja -S "$work" -B "$work/build" -DSURE_GENERATE="$2" -DPROTOC="$3" -DTOOL_DIR="$4" \
  -DSURE_IDL_DIR="$5" -DPROTOBUF_IMPORT_DIR="$6" -DINCLUDE_DIRS="$7" -DCMAKE_C_COMPILER="$8" \
  >"$work/log"
build() {
  cmake --build "$work/build" >"$work/log" 2>&1 || {
    cat "$work/log"
    exit 1
  }
}
build
build
grep 'no work to do' "$work/log"
test ! -s "$work/build/user.sure/more/types.sure.c"

rm "$work/build/user.sure/user.sure.c"
build
test -s "$work/build/user.sure/user.sure.c"

write_types Renamed
build
grep 'Generating C from user.proto' "$work/log"
grep -q more__renamed__init "$work/build/user.sure/more/types.pb-c.h"
