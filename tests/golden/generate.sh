#!/bin/sh
# Run protoc with protoc-gen-sure on one .proto, and compare or keep what comes out.
#
#   generate.sh compare|update output|error PROTOC PLUGIN IMPORT_DIRS PROTO_DIR NAME KEPT_DIR
#
# `output`: the generated files against KEPT_DIR/NAME.sure.h and .sure.c; where those are missing,
# nothing may be generated. `error`: what protoc says against KEPT_DIR/NAME.expected, without the
# prefix that protoc puts before the first line. IMPORT_DIRS is one -I option for each directory.
set -eu
mode=$1 kind=$2 protoc=$3 plugin=$4 import_dirs=$5 proto_dir=$6 name=$7 kept=$8

made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
status=0
# IMPORT_DIRS is meant to be split.
# shellcheck disable=SC2086
"$protoc" --plugin=protoc-gen-sure="$plugin" -I "$proto_dir" $import_dirs --sure_out="$made" \
  "$name.proto" 2>"$made/messages" || status=$?

case $kind in
output)
  if [ $status -ne 0 ]; then
    cat "$made/messages"
    exit 1
  fi
  files="$name.sure.h $name.sure.c"
  ;;
error)
  if [ $status -ne 1 ]; then
    echo "protoc ended with status $status"
    exit 1
  fi
  mkdir -p "$made/$(dirname "$name")"
  sed 's/^--sure_out: //' "$made/messages" >"$made/$name.expected"
  files="$name.expected"
  ;;
esac

for file in $files; do
  if [ "$mode" = update ]; then
    rm -f "$kept/$file"
    if [ -e "$made/$file" ]; then
      mkdir -p "$(dirname "$kept/$file")"
      cp "$made/$file" "$kept/$file"
    fi
  elif [ -e "$made/$file" ] || [ -e "$kept/$file" ]; then
    diff -u "$kept/$file" "$made/$file"
  fi
done
