#!/bin/bash
# usage: tidy.sh PROJECT-DIRECTORY BUILD-DIRECTORY
#
# clang-tidy on each of our files that the build compiles. A file that passed is not looked at again
# until it, one of our headers, its command or the configuration changes: its stamp, in the build
# directory, is named by a hash of all that.
set -euo pipefail
root=$1
build=$2
. "$(dirname "$0")/files.sh"
command -v clang-tidy >/dev/null || { echo 'skipped: clang-tidy is not here'; exit 77; }

stamps=$build/tidy
mkdir -p "$stamps"
common=$(clang-tidy --version; { our_files '*.h' | sort | xargs cat; cat "$root/.clang-tidy"; } |
  sha256sum)

# "command" and "file" stand on lines of their own in what CMake writes.
each_compiled_file() {
  sed -nE -e 's/^ *"command": //p' -e 's/^ *"file": "(.*)",?$/\1/p' \
    "$build/compile_commands.json" | paste -d '\n' - - |
    while IFS= read -r command && IFS= read -r file; do
      [[ $file != "$root"/* || $file == "$build"/* ]] || printf '%s\t%s\n' "$file" "$command"
    done | sort -u -t "$(printf '\t')" -k 1,1
}

to_check=()
while IFS=$'\t' read -r file command; do
  stamp=$stamps/$({ echo "$common$command"; cat "$file"; } | sha256sum | cut -c 1-32)
  [[ -e $stamp ]] || to_check+=("$file" "$stamp")
done < <(each_compiled_file)
echo "$((${#to_check[@]} / 2)) files to check"
((${#to_check[@]} > 0)) || exit 0

# No GCC warning options here: clang does not know all of them.
check_one='clang-tidy --quiet -p "$0" --extra-arg=-Wno-unknown-warning-option "$1" 2>/dev/null &&
  touch "$2"'
printf '%s\0' "${to_check[@]}" |
  xargs -0 -n 2 -P "$(nproc)" bash -c "$check_one" "$build"
