#!/bin/bash
# usage: causal_test.sh BUILD-DIRECTORY
#
# Two desks, one of which has a clock that is 300 ms late. By the time of day their diaries say that
# letters were answered before they were written; by their stamps they tell what happened.
set -euo pipefail
cd "$1"
work=$(mktemp -d)
servers=()
cleanup() {
  kill "${servers[@]}" 2>/dev/null || true
  wait
  rm -rf "$work"
}
trap cleanup EXIT

start() {
  local name=$1 skew_ms=$2
  SKEW_MS=$skew_ms LD_PRELOAD=$PWD/libskew.so ./causal-server "$name" "$work/$name" \
    "ipc://$work/$name.socket" 2>/dev/null &
  servers+=($!)
  until [[ -S $work/$name.socket ]]; do # or the first call would wait, and its time prove nothing
    kill -0 "${servers[-1]}"
    sleep 0.01
  done
}

start shop 0
start office -300
./causal-client "ipc://$work/shop.socket" "ipc://$work/office.socket"

who() { cut -d ' ' -f 3 | tr -d '\n'; }
echo 'in the order of their stamps:'
sort -n "$work/shop" "$work/office"
by_stamp=$(sort -n "$work/shop" "$work/office" | who)
by_clock=$(sort -k 2,2 "$work/shop" "$work/office" | who)
[[ $by_stamp == shop:office:shop:office: ]] || { echo "by stamps it was $by_stamp"; exit 1; }
[[ $by_clock == office:office:shop:shop: ]] || { echo "by clocks it was $by_clock"; exit 1; }
