#!/bin/sh
# only_a_known_token_is_let_in: the programs of this example, a right token and a wrong one.
set -eu
server=$1
client=$2
dir=$(mktemp -d)
"$server" "ipc://$dir/door" s3cret Ada 0ther Bob >"$dir/metrics" 2>/dev/null &
pid=$!
trap 'kill "$pid" 2>/dev/null || true; rm -rf "$dir"' EXIT
said=$("$client" "ipc://$dir/door" 0ther 2>"$dir/log")
[ "$said" = 'Hello, Bob!' ] || { echo "client said: $said"; exit 1; }
grep -q '^hello.v1.Greeter.Greet OK, applied, attempts: 1, ' "$dir/log"
if "$client" "ipc://$dir/door" guess >/dev/null 2>"$dir/refused"; then
  echo 'a guess was let in'
  exit 1
fi
grep -q 'UNAUTHENTICATED' "$dir/refused"
grep -q '^hello.v1.Greeter.Greet UNAUTHENTICATED, not applied, attempts: 0, ' "$dir/refused"
kill "$pid"
wait "$pid"
grep -q '^handlers_ended_total{code="OK"} 1$' "$dir/metrics"
