#!/bin/bash
# bank_does_what_its_help_says: real programs, a real database, one story.
# usage: bank_test.sh DIRECTORY-OF-THE-PROGRAMS DIRECTORY-OF-THE-SOURCES
set -u
bin=$1
config=$2/service_config.json
dir=$(mktemp -d)
url=ipc://$dir/bank
server=
trap '[ -z "$server" ] || kill -9 "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir" || exit 1

fail() {
  echo "$*"
  exit 1
}

start_server() {
  "$bin/bank-server" --database bank.db --listen "$url" >server.out 2>server.err &
  server=$!
}

# expect STATUS PATTERN COMMAND...: the client's exit status, and what it says.
expect() {
  local want=$1 pattern=$2
  shift 2
  "$bin/bank" --server "$url" "$@" >said 2>&1
  local status=$?
  [ $status -eq "$want" ] || fail "bank $*: exit status $status, not $want: $(cat said)"
  grep -q -e "$pattern" said || fail "bank $*: no '$pattern' in: $(cat said)"
}

start_server
expect 0 'applied: booking 1, alice now holds 100.00 EUR' open-account alice '100 EUR'
expect 0 'applied: booking 2, bob now holds 0.50 EUR' \
  open-account bob '0.50 EUR' --overdraft '10 EUR'
expect 1 'alice exists already' open-account alice '5 EUR'

# once, however often it is sent
expect 0 'booking 3, alice now holds 87.66 EUR' charge alice '12.34 EUR' --payment-id p1
expect 0 'booking 3, alice now holds 87.66 EUR' charge alice '12.34 EUR' --payment-id p1
expect 1 'another payment has this payment id, try again with a new one' \
  charge alice '12.35 EUR' --payment-id p1
expect 0 'alice holds 87.66 EUR' balance alice

# a refusal is recorded
expect 1 'not applied; this payment id is used up, try again with a new one' \
  charge alice '1000 EUR' --payment-id p2
expect 1 'too little to give 1000.00 EUR (FAILED_PRECONDITION)' \
  charge alice '1000 EUR' --payment-id p2
expect 1 'no account eve (NOT_FOUND)' charge eve '1 EUR'
expect 1 'is in EUR, not in USD' charge alice '1 USD'

expect 0 'alice now holds 77.66 EUR' transfer alice bob '10 EUR' --payment-id t1
expect 0 'alice now holds 80.00 EUR' refund p1 '2.34 EUR'
expect 1 '10.00 EUR are left' refund p1 '10.01 EUR'
expect 1 'no charge with payment id t1' refund t1 '1 EUR'

# settle finds payments of every kind, and closes ids that nobody used
expect 0 'booking 3' settle p1
expect 0 'booking 4' settle t1
expect 1 'too little' settle p2
expect 1 'used up' settle p3
expect 1 'used up' charge alice '1 EUR' --payment-id p3
expect 1 'used up' transfer alice bob '1 EUR' --payment-id p3
expect 0 'alice holds 80.00 EUR' balance alice

expect 0 'REFUND .* 2.34 EUR  clearing:EUR' entries alice
expect 0 '"minor_units":-1234' entries alice --json
expect 1 'NOT_FOUND' entries eve
expect 0 '^clean: 4 accounts, 5 bookings' audit

# with the bank's own rules for its calls
expect 0 'booking 3' charge alice '12.34 EUR' --payment-id p1 --service-config "$config"
expect 0 'alice holds 80.00 EUR' balance alice --service-config "$config"

# the server dies: nothing left, so nothing applied; then it is back
kill -9 "$server"
wait "$server" 2>/dev/null
expect 3 'not applied; try again with the same id' \
  charge alice '1 EUR' --payment-id p4 --timeout 0.2
expect 4 'unknown: run `bank settle p4`' settle p4 --timeout 0.2
expect 3 'asking changes nothing' balance alice --timeout 0.2
expect 3 'no endpoint can be reached' balance alice --service-config "$config"
start_server
expect 0 'alice now holds 79.00 EUR' charge alice '1 EUR' --payment-id p4
expect 0 '"verdict":"applied".*"replayed":true' charge alice '1 EUR' --payment-id p4 --json
expect 0 'booking 3' settle p1

# who watches is told of each entry once, also by a server that was killed and started again
"$bin/bank" --server "$url" entries alice >entries || fail "$(cat entries)"
known=$(wc -l <entries)
"$bin/bank" --server "$url" watch alice --limit $((known + 2)) >watched 2>watched.err &
watcher=$!
expect 0 'booking' transfer alice bob '0.01 EUR' --payment-id t2
kill -9 "$server"
wait "$server" 2>/dev/null
start_server
expect 0 'booking' transfer alice bob '0.01 EUR' --payment-id t3
wait $watcher || fail "bank watch ended with $?: $(cat watched.err)"
"$bin/bank" --server "$url" entries alice >entries
diff entries watched || fail 'what was watched is not what was booked'

# many clients, and the audit of what they were told
"$bin/bank-load" --server "$url" --charges 500 --connections 2 --outstanding 8 \
  --journal journal >load.json 2>load.err || fail "bank-load: $(cat load.json load.err)"
grep -q '"charges":500,"applied":500,"refused":0,"unknown":0' load.json || fail "$(cat load.json)"
"$bin/bank-audit" bank.db journal >audit.out && fail 'the charges p1 and p4 are in no journal'
grep -q 'unclaimed *2$' audit.out || fail "$(cat audit.out)"
printf '1001\tp1\tapplied\t1234\n1002\tp4\tapplied\t100\n' >>journal
"$bin/bank-audit" bank.db journal >audit.out || fail "$(cat audit.out)"

# a second server can't have the address, and the first one ends in good order
"$bin/bank-server" --database bank.db --listen "$url" >second.out 2>second.err
[ $? -eq 2 ] || fail 'two servers at one address'
grep -q 'the address is in use' second.err || fail "$(cat second.err)"
kill "$server"
wait "$server" || fail "bank-server ended with $?: $(cat server.err)"
server=
[ ! -s server.err ] || fail "bank-server said: $(cat server.err)"

# so does one that is told to end as soon as it is heard of
mkfifo heard
"$bin/bank-server" --database bank.db --listen "$url" >heard 2>server.err &
server=$!
exec 3<heard
read -r line <&3
[ "$line" = "listening on $url" ] || fail "bank-server said: $line"
kill "$server"
wait "$server" || fail "bank-server ended with $?: $(cat server.err)"
server=
