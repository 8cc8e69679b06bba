#!/bin/bash
# usage: named_tests.sh PROJECT-DIRECTORY
#
# The tests that docs/retries.md names in its table are there.
set -euo pipefail
root=$1
failed=0

complain() {
  echo "docs/retries.md: $1"
  failed=1
}

table=$(sed -n '/^| gRPC/,$p' "$root/docs/retries.md")
for name in $(grep -oE '`[a-z0-9_]+`' <<<"$table" | tr -d '`' | sort -u); do
  grep -rqE "\b$name\(" "$root/tests" || complain "there is no test $name"
done
rows=$(grep -c '^| retry' <<<"$table")
[[ $rows -eq 34 ]] || complain "$rows rows, not 34"

exit "$failed"
