#!/bin/bash
# an_import_books_each_payment_once_whoever_dies: real programs, a real database, kill -9.
# usage: import_test.sh DIRECTORY-OF-THE-PROGRAMS DIRECTORY-OF-THE-SOURCES
set -u
bin=$1
dir=$(mktemp -d)
url=ipc://$dir/bank
server=
importer=
trap 'for p in $server $importer; do kill -9 "$p" 2>/dev/null; done; rm -rf "$dir"' EXIT
cd "$dir" || exit 1

fail() {
  echo "$*"
  exit 1
}

# Returns when it listens.
start_server() {
  "$bin/bank-server" --database bank.db --listen "$url" >server.out 2>>server.err &
  server=$!
  until [ -s server.out ]; do
    kill -0 "$server" 2>/dev/null || fail "bank-server: $(cat server.err)"
  done
}

kill_server() {
  kill -9 "$server"
  wait "$server" 2>/dev/null
  start_server
}

bank() {
  "$bin/bank" --server "$url" "$@"
}

# expect STATUS PATTERN COMMAND...: the client's exit status, and what it says.
expect() {
  local want=$1 pattern=$2
  shift 2
  bank "$@" >said 2>&1
  local status=$?
  [ $status -eq "$want" ] || fail "bank $*: exit status $status, not $want: $(cat said)"
  grep -q -e "$pattern" said || fail "bank $*: no '$pattern' in: $(cat said)"
}

import() { # import ID FILE
  bank import "$2" --payment-id "$1" >imported 2>import.err &
  importer=$!
}

wait_for_import() { # wait_for_import STATUS
  wait "$importer"
  local status=$?
  importer=
  [ $status -eq "$1" ] || fail "bank import: exit status $status: $(cat import.err)"
}

# Until more has been committed than was when this was called last. The importer stands still while
# that is looked at, or it would be done before this is.
seen=
await_progress() {
  local now=$seen
  while [ "$now" = "$seen" ]; do
    kill -STOP "$importer" 2>/dev/null ||
      fail "the import ended too soon: $(cat imported import.err)"
    now=$(bank balance bob)
    kill -CONT "$importer"
  done
  seen=$now
}

start_server
expect 0 applied open-account alice '1000000 EUR'
expect 0 applied open-account bob '0 EUR'
yes 'transfer alice bob 0.01 EUR' | head -n 60000 >day
sed -i -e '20000s/.*/charge nobody 1 EUR/' -e '40000s/.*/charge bob 1000000 EUR/' day

# a file that is wrong somewhere is not begun
head -n 3 day | sed '2s/0.01/-1/' >wrong
expect 2 'wrong, line 2: ' import wrong
expect 2 'no/such/file: No such file' import no/such/file
expect 2 'at most 40 characters' import day --payment-id 12345678901234567890123456789012345678901
expect 0 'bob holds 0.00 EUR' balance bob

# the server is killed again and again, and drained once
import day1 day
for _ in 1 2 3; do
  await_progress
  kill_server
done
await_progress
kill "$server"
wait "$server" || fail "bank-server ended with $? in the middle of an import: $(cat server.err)"
start_server
wait_for_import 1
grep -q 'import day1: 59998 booked, 2 refused' imported || fail "$(cat imported import.err)"
grep -q 'day1.20000: there is no account nobody' import.err || fail "$(cat import.err)"
grep -q 'day1.40000: the account bob holds' import.err || fail "$(cat import.err)"
expect 0 'bob holds 599.98 EUR' balance bob

# what is finished stays so
expect 1 '59998 booked, 2 refused' import day --payment-id day1
expect 0 'bob holds 599.98 EUR' balance bob

# the client is killed, and begins again; once together with the server
seen=$(bank balance bob)
import day2 day
for _ in 1 2 3; do
  await_progress
  kill -9 "$importer"
  wait "$importer" 2>/dev/null
  import day2 day
done
await_progress
kill_server
kill -9 "$importer"
wait "$importer" 2>/dev/null

# somebody takes another file for it
head -n 10 day >other
expect 3 'more messages than these are committed' import other --payment-id day2
import day2 day
wait_for_import 1
grep -q 'import day2: 59998 booked, 2 refused' imported || fail "$(cat imported import.err)"
expect 0 'bob holds 1199.96 EUR' balance bob

# of two at once, one goes on, and both are told the same
seen=$(bank balance bob)
import day3 day
await_progress
bank import day --payment-id day3 >imported.too 2>import.too.err
[ $? -eq 1 ] || fail "the second import of day3: $(cat import.too.err)"
wait_for_import 1
cmp imported imported.too || fail "$(cat imported imported.too)"
expect 0 'bob holds 1799.94 EUR' balance bob
expect 0 '^clean: .* 0 doubled payments' audit

kill "$server"
wait "$server" || fail "bank-server ended with $?: $(cat server.err)"
server=
