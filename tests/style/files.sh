# The files that are ours, for the checks beside this one. `root` is the project's directory.

rooms=(bench cmake codegen docs examples idl rpc scripts tests .ci)

# our_files PATTERN...: the files in our rooms and at the top whose names match one of the patterns,
# without what the generator is tested with and what it is to write.
our_files() {
  local pattern room names=() dirs=()
  for pattern in "$@"; do
    names+=(-o -name "$pattern")
  done
  for room in "${rooms[@]}"; do
    [[ ! -d $root/$room ]] || dirs+=("$root/$room")
  done
  find "$root" -maxdepth 1 -type f \( "${names[@]:1}" \)
  ((${#dirs[@]} == 0)) || find "${dirs[@]}" -type f \( "${names[@]:1}" \) \
    -not -path '*/bench/out/*' -not -path '*/golden/expected/*' -not -path '*/golden/errors/*'
}
