#!/bin/bash
# usage: two_generals.sh PROGRAM
#
# At 5 % loss, with five seeds: retry without dedup doubles charges, no retry loses some, and
# exactly once does neither. The program itself fails if exactly once did.
set -euo pipefail
program=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# count SEMANTICS FIELD: its number in the trial of that kind.
count() {
  sed -nE "s/.*\"semantics\":\"$1\".*\"$2\":([0-9]+).*/\1/p" "$work/result"
}

for seed in 1 2 3 4 5; do
  "$program" --calls 200 --loss 5 --seed "$seed" --json "$work/result" --svg "$work/chart"
  doubled=$(count 'retry without dedup' doubled)
  lost=$(count 'no retry' lost)
  if ((doubled == 0 || lost == 0)); then
    echo "seed $seed shows nothing: $doubled doubled without dedup, $lost lost without retry"
    exit 1
  fi
  grep -q '</svg>' "$work/chart"
done
