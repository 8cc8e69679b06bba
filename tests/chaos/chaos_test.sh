#!/bin/bash
# Run sure-chaos: chaos_test.sh DIRECTORY PROGRAM ARGUMENT... The directory is made anew. If it
# fails, the ends of the logs are shown, and the directory stays.
set -uo pipefail
directory=$1
program=$2
shift 2
rm -rf "$directory"
"$program" --dir "$directory" "$@"
status=$?
if ((status != 0 && status != 77)); then
  tail -n 30 "$directory"/{server,load,world}.log
fi
exit "$status"
