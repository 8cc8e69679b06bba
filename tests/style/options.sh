#!/bin/bash
# usage: options.sh PROJECT-DIRECTORY
#
# docs/options.md has every option: the fields of the option structs in C, those of the options of a
# .proto, and those that the reader of service configs knows.
set -euo pipefail
root=$1
failed=0

# fields_of HEADER STRUCT: the names of the fields of a struct, without its comments.
fields_of() {
  sed 's,/\*.*\*/,,; s,/\*.*,,' "$root/rpc/include/sure/$1" |
    sed -n "/^struct $2 {/,/^};/s/^ *[a-z][a-z0-9_ *]*[ *]\([a-z_]*\);.*/\1/p"
}

in_c() {
  local struct
  fields_of server.h sure_server_options
  for struct in sure_channel_options sure_call_options; do
    fields_of channel.h "$struct"
  done
  for struct in sure_retry_budget sure_retry_throttling sure_outlier_detection; do
    fields_of policy.h "$struct"
  done
  for struct in sure_retry_policy sure_hedging_policy; do
    fields_of method.h "$struct"
  done
}

in_protos() {
  sed -nE 's/^ *(optional|repeated) [A-Za-z0-9]+ ([a-z_]+) = .*/\2/p' "$root/idl/sure/options.proto"
}

in_json() {
  sed -nE 's/.*sure__json_member\([^"]*"([A-Za-z]+)".*/\1/p' "$root"/rpc/client/service_config*.c
}

for source in c protos json; do
  names=$("in_$source" | sort -u)
  (($(wc -l <<<"$names") >= 15)) || { echo "too few options found: in_$source"; failed=1; }
  for name in $names; do
    grep -qP "\`[^\`]*\b$name\b[^\`]*\`" "$root/docs/options.md" ||
      { echo "docs/options.md does not have $name"; failed=1; }
  done
done
exit "$failed"
