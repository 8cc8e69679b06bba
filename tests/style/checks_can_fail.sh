#!/bin/bash
# usage: checks_can_fail.sh PROJECT-DIRECTORY
#
# The checks beside this one find what they are there to find, in a project of one bad file.
set -euo pipefail
root=$1
here=$(cd "$(dirname "$0")" && pwd)
project=$(mktemp -d)
trap 'rm -rf "$project"' EXIT
cp "$root/.clang-format" "$project/"
failed=0

# must_fail CHECK FILE CONTENT
must_fail() {
  mkdir -p "$project/$(dirname "$2")"
  printf '%b\n' "$3" >"$project/$2"
  if bash "$here/$1.sh" "$project" >/dev/null 2>&1; then
    echo "$1 does not see: $3"
    failed=1
  fi
  rm "$project/$2"
}

must_fail layers rpc/core/a.c '#include <pthread.h>'
must_fail layers rpc/core/a.c '#  include <time.h> /* a clock */'
must_fail layers rpc/core/a.c '#include "rpc/net/connection.h"'
must_fail layers rpc/core/a.h '#include <stdlib.h>'
must_fail layers rpc/net/a.c '#include "rpc/client/channel.h"'
must_fail layers rpc/store/a.c '#include <nng/nng.h>'
must_fail text rpc/core/a.c "$(printf '/* %0100d */' 0)"
must_fail text rpc/core/a.c '/* TOD''O: later */'
must_fail text docs/a.md 'see /ho''me/me/sure'
must_fail text rpc/core/a.c 'int a; '
must_fail text rpc/core/a.c '\tint a;'
must_fail text rpc/core/a.c '#include <assert.h>'
must_fail named_tests docs/retries.md \
  "$(sed 's/`never_means_never`/`no_such_test`/' "$root/docs/retries.md")"
[[ $(clang-format --version 2>/dev/null) != *'version 14.'* ]] ||
  must_fail format rpc/core/a.c 'int  a;'

# What is there to be described, and a description that lacks one thing.
mkdir -p "$project/rpc/client" "$project/idl"
cp -r "$root/rpc/include" "$project/rpc/"
cp "$root"/rpc/client/service_config*.c "$project/rpc/client/"
cp -r "$root/idl/sure" "$project/idl/"
for option in ack_idle_ms max_backoff_ms hedgingDelay; do
  must_fail options docs/options.md "$(sed "s/$option/other/" "$root/docs/options.md")"
done

exit "$failed"
