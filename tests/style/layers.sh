#!/bin/bash
# usage: layers.sh PROJECT-DIRECTORY
#
# Dependencies point one way: examples -> rpc/client, rpc/server -> rpc/net, rpc/store -> rpc/core.
# The core is pure (no I/O, clock, thread, lock, randomness), so its files may include only what is
# listed here; the other rooms may not reach upwards.
set -euo pipefail
root=$1
failed=0

# includes_of ROOM: "file:line:header" for each include in it.
includes_of() {
  [[ -d $root/rpc/$1 ]] || return 0
  (cd "$root" && find "rpc/$1" -name '*.[ch]' -print0 |
    xargs -0 -r grep -nE '^[[:space:]]*#[[:space:]]*include' /dev/null) |
    sed -E 's/[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]([^>"]*)[>"].*/\1/'
}

complain() {
  echo "$1: $2"
  failed=1
}

core_may='(rpc/core/|sure/)[a-z_]+\.h|sure/wire\.pb-c\.h|protobuf-c/protobuf-c\.h|xxhash\.h'
core_may+='|(ctype|inttypes|limits|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|string)\.h'
# Beyond that: text formatting in .c files, and the end of the process and the default allocator in
# one file each.
core_exceptions='rpc/core/[a-z_]+\.c:[0-9]+:stdio\.h|rpc/core/(assert|memory)\.c:[0-9]+:stdlib\.h'

while IFS=: read -r file line header; do
  [[ $header =~ ^($core_may)$ || "$file:$line:$header" =~ ^($core_exceptions)$ ||
    ($header != */* && -f $root/rpc/core/$header) ]] ||
    complain "$file:$line" "the core may not include <$header>"
done < <(includes_of core)

# may_not ROOM PATTERN: no file of the room includes a header that matches.
may_not() {
  while IFS=: read -r file line header; do
    [[ ! $header =~ $2 ]] || complain "$file:$line" "rpc/$1 may not include $header"
  done < <(includes_of "$1")
}
may_not net '^rpc/(client|server|store)/|sqlite3'
may_not store '^rpc/(client|server|net)/|^nng/'
may_not client '^rpc/(server|store)/|sqlite3'
may_not server '^rpc/client/|sqlite3'

exit "$failed"
