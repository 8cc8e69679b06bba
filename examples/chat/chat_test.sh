#!/bin/bash
# usage: chat_test.sh BUILD-DIRECTORY
#
# everybody_hears_everybody: two guests and what each of them has heard.
set -euo pipefail
cd "$1"
work=$(mktemp -d)
cleanup() {
  kill $(jobs -p) 2>/dev/null || true
  wait
  rm -rf "$work"
}
trap cleanup EXIT
until_heard() { # the test's own time-out is what ends this
  until grep -qx "$2" "$work/$1" 2>/dev/null; do
    sleep 0.01
  done
}

mkfifo "$work/ada.in" "$work/bob.in"
./chat-server "ipc://$work/room" &
./chat-client Ada "ipc://$work/room" <"$work/ada.in" >"$work/ada" &
ada=$!
./chat-client Bob "ipc://$work/room" <"$work/bob.in" >"$work/bob" &
bob=$!
exec 3>"$work/ada.in" 4>"$work/bob.in"
echo 'is anybody here?' >&3
until_heard ada 'Ada: is anybody here?'
echo 'I am' >&4
until_heard ada 'Bob: I am'
until_heard bob 'Bob: I am'
echo 'hello Bob' >&3
until_heard bob 'Ada: hello Bob'
exec 3>&- 4>&-
wait "$ada" "$bob"
