#!/bin/bash
# usage: cards_test.sh BUILD-DIRECTORY
#
# charged_once_or_not_at_all_though_the_server_dies_in_the_handler: answers of the card network are
# lost, and the server is killed while it waits for one, once after the network has charged and once
# before. The client, which knows of nothing, is told the truth, by the next server if need be.
set -euo pipefail
cd "$1"
work=$(mktemp -d)
server=
cleanup() {
  kill $(jobs -p) 2>/dev/null || true
  wait
  rm -rf "$work"
}
trap cleanup EXIT

fail() {
  echo "$*"
  cat "$work"/book "$work"/*.log
  exit 1
}
until_holds() { # the test's own time-out is what ends this
  until "$@"; do
    sleep 0.01
  done
}
start_server() {
  ./cards-server "$work/db" "$work/network" "ipc://$work/door" 2>>"$work/server.log" &
  server=$!
}
kill_server() {
  kill -KILL "$server"
  wait "$server" 2>/dev/null || true
}
pay() { ./cards-client "$1" "$2" "ipc://$work/door" >>"$work/$1.out" 2>>"$work/$1.log"; }
charges() { grep -c " $1 " "$work/book" || true; }
is_unanswered() { grep -q "no answer about card $1" "$work/network.log"; }

./card-network "$work/book" "$work/network" 2>"$work/network.log" &
start_server

pay 4000000000000002 100 || fail 'a good card is refused'
[[ $(charges 4000000000000002) == 1 ]] || fail 'it is not charged once'

status=0; pay 4000000000000000 100 || status=$?
[[ $status == 1 ]] || fail "a declined card gives $status"
grep -q 'declined (not applied)' "$work/4000000000000000.log" || fail 'and says so'

# Nobody dies, and the answer is lost: that is no failure to be believed.
pay 4000000000001113 150 || fail 'a charge whose answer is lost is not found'
status=0; pay 4000000000001114 150 || status=$?
[[ $status == 1 ]] || fail "what the network has not done ends with $status"

# Charged, and the server dies before it hears of that.
pay 4000000000000013 200 &
client=$!
until_holds is_unanswered 4000000000000013
kill_server
start_server
wait "$client" || fail 'a charge that happened is not told'
[[ $(charges 4000000000000013) == 1 ]] || fail 'it is charged twice'
approval=$(awk '$2 == "4000000000000013" { print $4 }' "$work/book")
grep -q "charged, approval $approval" "$work/4000000000000013.out" || fail 'it has another approval'

# Not charged, and the server dies before it hears of that.
pay 4000000000000014 300 &
client=$!
until_holds is_unanswered 4000000000000014
kill_server
start_server
status=0; wait "$client" || status=$?
[[ $status == 1 ]] || fail "what was not charged ends with $status"
[[ $(charges 4000000000000014) == 0 ]] || fail 'it is charged after all'
