#!/bin/bash
# replica_serves_dated_balances_while_the_bank_is_away: the CAP choice of GetBalance and the rest.
# usage: replica_test.sh DIRECTORY-OF-THE-PROGRAMS
set -u
bin=$1
dir=$(mktemp -d)
bank=
replica=
trap 'kill -9 $bank $replica 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir" || exit 1

fail() {
  echo "$*"
  exit 1
}

start_bank() {
  "$bin/bank-server" --database bank.db --listen "ipc://$dir/bank" >bank.out 2>bank.err &
  bank=$!
}

# expect STATUS PATTERN COMMAND...: the client knows the bank and the replica.
expect() {
  local want=$1 pattern=$2
  shift 2
  "$bin/bank" --server "ipc://$dir/bank,ipc://$dir/replica" "$@" >said 2>&1
  local status=$?
  [ $status -eq "$want" ] || fail "bank $*: exit status $status, not $want: $(cat said)"
  grep -q -e "$pattern" said || fail "bank $*: no '$pattern' in: $(cat said)"
}

copy() {
  "$bin/bank-copy" bank.db copy.db >copied || fail "bank-copy: exit status $?"
  grep -q '^copied as of 20' copied || fail "bank-copy said: $(cat copied)"
}

start_bank
expect 0 'alice now holds 100.00 EUR' open-account alice '100 EUR'
copy
"$bin/bank-server" --replica copy.db --listen "ipc://$dir/replica" >replica.out 2>replica.err &
replica=$!
expect 0 'alice now holds 90.00 EUR' charge alice '10 EUR'

# while the bank is there, it answers
expect 0 '^alice holds 90.00 EUR$' balance alice

# consistency or availability: each method has its own choice
kill -9 $bank
expect 0 '^alice held 100.00 EUR as of 20' balance alice
expect 0 '"text":"100.00 EUR"},"overdraft_limit":0,"as_of_ms":1' --json balance alice
expect 3 'DEADLINE_EXCEEDED' --timeout 1 entries alice
expect 3 'not applied' --timeout 1 charge alice '10 EUR' --payment-id later

# a newer copy takes the place of the one that is served
copy
expect 0 '^alice held 90.00 EUR as of 20' balance alice

# nobody takes a copy for the bank, or the bank for a copy
"$bin/bank-server" --database copy.db --listen "ipc://$dir/wrong" 2>said && fail 'a copy was served'
grep -q 'it is a copy for replicas' said || fail "said: $(cat said)"
"$bin/bank-server" --replica bank.db --listen "ipc://$dir/wrong" 2>said && fail 'a bank was a copy'
grep -q 'it is no copy' said || fail "said: $(cat said)"
"$bin/bank-copy" copy.db other.db 2>said && fail 'a copy was copied'
grep -q 'it is a copy for replicas' said || fail "said: $(cat said)"
[ ! -e other.db ] && [ ! -e other.db.draft ] || fail 'something was left behind'

# and when the bank is back, so is the present
start_bank
expect 0 'alice now holds 80.00 EUR' charge alice '10 EUR' --payment-id later
expect 0 '^alice holds 80.00 EUR$' balance alice
kill $replica && wait $replica || fail "the replica ended with $?: $(cat replica.err)"
