#!/bin/bash
# Run the program $1 with the arguments behind it, in a directory that is removed in the end. If it
# fails, the end of what its programs said is shown.
set -uo pipefail
program=$1
shift
directory=$(mktemp -d) || exit 1
trap 'rm -rf "$directory"' EXIT
"$program" --dir "$directory/chaos" "$@"
status=$?
if ((status != 0 && status != 77)); then
  tail -n 30 "$directory"/chaos/{server,load,world}.log
fi
exit "$status"
