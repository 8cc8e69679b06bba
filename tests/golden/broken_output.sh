#!/bin/sh
# The answer can't be written: that must be an error with a message, and status 1.
#
#   broken_output.sh full_disk|closed_pipe PROTOC PLUGIN IMPORT_DIRS PROTO_DIR NAME
set -eu
case_name=$1 protoc=$2 plugin=$3 import_dirs=$4 proto_dir=$5 name=$6

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# A plugin that keeps the request and answers nothing.
printf '#!/bin/sh\ncat >"%s/request"\n' "$work" >keep
chmod +x keep
# shellcheck disable=SC2086
"$protoc" --plugin=protoc-gen-keep=./keep -I "$proto_dir" $import_dirs --keep_out=. "$name.proto"

# It does work as long as the output does.
"$plugin" <request >answer
test -s answer

status=0
case $case_name in
full_disk)
  "$plugin" <request >/dev/full 2>messages || status=$?
  ;;
closed_pipe)
  # The reader closes its end before the plugin starts.
  mkfifo closed
  {
    read -r _ <closed
    "$plugin" <request 2>messages || echo $? >status
  } | {
    exec <&-
    echo now >closed
  }
  status=$(cat status)
  ;;
esac

cat messages
test "$status" -eq 1
grep -q '^protoc-gen-sure: can.t write: ' messages
