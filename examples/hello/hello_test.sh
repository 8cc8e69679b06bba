#!/bin/sh
# hello_greets_and_ends_in_good_order: the programs of the README, run as the README runs them.
set -eu
server=$1
client=$2
dir=$(mktemp -d)
"$server" "ipc://$dir/hello" &
pid=$!
trap 'kill "$pid" 2>/dev/null || true; rm -rf "$dir"' EXIT
# No wait for the server: the call waits for it.
for number in 1 2; do
  said=$("$client" Ada "ipc://$dir/hello")
  [ "$said" = "Hello, Ada! You are number $number." ] || { echo "client said: $said"; exit 1; }
done
if "$client" '' "ipc://$dir/hello" 2>"$dir/refused"; then
  echo 'nobody was greeted'
  exit 1
fi
grep -q 'nobody to greet (not applied)' "$dir/refused"
kill "$pid"
wait "$pid"
