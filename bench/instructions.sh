#!/bin/bash
# scripts/bench --check: instructions a call, of what lies in rpc/core and rpc/store.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"

install "${build_packages[@]}" "${bench_packages[@]}"
build bench sure-bench-instructions

program=$root/build/bench/bench/sure-bench-instructions
profile=$(mktemp)
trap 'rm -f "$profile"' EXIT

# total METHOD COUNT: of a run with so many calls.
total() {
  valgrind --quiet --tool=callgrind --callgrind-out-file="$profile" "$program" "$1" "$2" ||
    die "the calls of $1 could not be counted"
  callgrind_annotate --auto=no --show-percs=no --threshold=100 "$profile" | tr -d , |
    awk '/rpc\/(core|store)\// { sum += $1 } END { printf "%d\n", sum }'
}

# of_a_call METHOD: what is the same for any number of calls does not count.
of_a_call() {
  echo $((($(total "$1" 12000) - $(total "$1" 2000)) / 10000))
}

libc=$(ldd --version | awk 'NR == 1 { print $NF }')
tools="gcc $(gcc -dumpfullversion), glibc $libc, $(uname -m)"
baseline=$root/bench/instructions.txt
known_tools=$(sed -n 's/^tools: //p' "$baseline")
status=0
printf 'tools: %s\n' "$tools"
for method in exactly_once at_least_once; do
  count=$(of_a_call "$method")
  ((count > 0)) || die 'nothing was counted: does the program have its debug information?'
  known=$(sed -n "s/^$method: //p" "$baseline")
  printf '%s: %d (checked in: %d)\n' "$method" "$count" "$known"
  if ((count * 100 > known * 102)); then
    status=1
  fi
done
if [[ $tools != "$known_tools" ]]; then
  say "another compiler, libc or machine than '$known_tools': nothing is compared"
elif ((status != 0)); then
  die 'over 2 % more than is checked in; if that has to be, change bench/instructions.txt'
fi
