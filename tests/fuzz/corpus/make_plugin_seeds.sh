#!/bin/sh
# Make the seeds of fuzz-plugin from the .proto files of the golden tests, as protoc would ask for
# them, but without descriptor.proto and options.proto, which are large and the same for all.
#
#   make_plugin_seeds.sh [IMPORT_DIR]     (where google/protobuf/ is; /usr/include by default)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
google=${1:-/usr/include}
import_dirs="-I $root/tests/golden/proto -I $root/tests/golden/errors -I $root/idl -I $google"
message=google.protobuf.compiler.CodeGeneratorRequest

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf '#!/bin/sh\ncat >"%s/request"\n' "$work" >"$work/keep"
chmod +x "$work/keep"

# In protobuf's text form a file begins with a line "proto_file {" and ends with a line "}".
drop_large_files() {
  awk -v large='google/protobuf/descriptor|sure/options|protobuf-c/protobuf-c' '
    /^proto_file {/ { block = ""; inside = 1 }
    inside { block = block $0 "\n" }
    !inside { print }
    inside && /^}/ {
      inside = 0
      if (block !~ "\n  name: \"(" large ")[.]proto\"")
        printf "%s", block
    }'
}

for name in bank plain renamed shop/v1/orders names_that_clash_in_c_are_refused \
  key_that_nobody_would_read_is_refused; do
  # The directories are meant to be split.
  # shellcheck disable=SC2086
  protoc --plugin=protoc-gen-keep="$work/keep" $import_dirs --keep_out="$work" $name.proto
  # shellcheck disable=SC2086
  protoc $import_dirs --decode=$message google/protobuf/compiler/plugin.proto sure/options.proto \
    protobuf-c/protobuf-c.proto <"$work/request" | drop_large_files |
    protoc $import_dirs --encode=$message google/protobuf/compiler/plugin.proto \
      sure/options.proto protobuf-c/protobuf-c.proto >"$here/plugin/$(basename $name)"
done
