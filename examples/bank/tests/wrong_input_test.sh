#!/bin/bash
# wrong_input_is_one_line_and_exit_status_2: what can't start says why, and changes nothing.
# usage: wrong_input_test.sh DIRECTORY-OF-THE-PROGRAMS DIRECTORY-OF-THE-SOURCES
set -u
bin=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1

fail() {
  echo "$*"
  exit 1
}

# refuses PATTERN PROGRAM ARGUMENT...: exit status 2 and the pattern in the first line on stderr.
# argp adds a line with a hint to errors of usage; any other is one line.
refuses() {
  local pattern=$1 program=$2
  shift 2
  "$bin/$program" "$@" >stdout 2>stderr </dev/null
  local status=$?
  [ $status -eq 2 ] || fail "$program $*: exit status $status"
  [ ! -s stdout ] || fail "$program $*: something on stdout"
  head -1 stderr | grep -q -e "$pattern" || fail "$program $*: $(cat stderr)"
  [ "$(grep -cv '^Try ' stderr)" -eq 1 ] || fail "$program $*: not one line: $(cat stderr)"
}

echo 'this is no database, whatever its name says' >junk.db
sum=$(cksum junk.db)

refuses 'not an address' bank-server --database b.db --listen foo
refuses 'not an address' bank-server --database b.db --listen http://127.0.0.1
[ ! -e b.db ] || fail 'a wrong URL has left a database behind'
refuses 'no/such/dir' bank-server --database no/such/dir/bank.db
refuses 'not a database' bank-server --database junk.db
refuses 'not a number of seconds' bank-server --drain soon
refuses 'one word too many' bank-server now
[ "$sum" = "$(cksum junk.db)" ] || fail 'junk.db was changed'

refuses 'command is missing' bank
refuses "no command 'rob'" bank rob alice
refuses 'takes 2 words' bank charge alice
refuses 'one word too many' bank balance alice bob
refuses '12,50 EUR' bank charge alice '12,50 EUR'
refuses 'fewer decimals' bank charge alice '12.345 EUR' --payment-id p
refuses 'too large' bank charge alice '99999999999999999999 EUR' --payment-id p
refuses 'payment id is' bank charge alice '1 EUR' --payment-id 'a b'
refuses 'another currency' bank open-account alice '1 EUR' --overdraft '1 USD' --payment-id p
refuses 'not a number of seconds' bank balance alice --timeout never
refuses 'must begin with tcp://' bank balance alice --server nowhere
refuses 'no command that moves' bank settle p --method balance

sed 's/"2s"/2/' "$2/service_config.json" >wrong.json
refuses 'methodConfig\[1\].timeout: must be a duration' bank balance a --service-config wrong.json
sed 's/Audit/Odit/' "$2/service_config.json" >wrong.json
refuses 'bank.v1.Bank has no method "Odit"' bank balance a --service-config wrong.json
refuses 'nothing.json: No such file' bank balance a --service-config nothing.json
refuses 'junk.db: line 1, column' bank balance a --service-config junk.db

refuses 'not a number' bank-load --charges 0
refuses 'calls at a time' bank-load --connections 64 --outstanding 64
refuses 'No such file' bank-load --journal no/such/dir/journal
refuses 'are needed' bank-audit b.db
refuses 'unable to open' bank-audit nothing.db junk.db
touch empty.journal
refuses 'not a database' bank-audit junk.db empty.journal
