#!/bin/bash
# usage: text.sh PROJECT-DIRECTORY
#
# No line of code over 100 columns, no mark of work left undone, no trailing blanks or tabs, no path
# of one person's machine.
set -euo pipefail
root=$1
. "$(dirname "$0")/files.sh"
failed=0

# forbid WHAT EXPRESSION PATTERN...: no file that matches a pattern has a line that matches.
forbid() {
  local what=$1 expression=$2 found
  shift 2
  found=$(our_files "$@" | xargs -r grep -nP -- "$expression" /dev/null || true)
  [[ -z $found ]] || { echo "$what:"; echo "$found"; failed=1; }
}

code=('*.c' '*.h' '*.proto' '*.sh' 'CMakeLists.txt' '*.cmake' '*.map')
# The markers are spelt with a class so that this file does not hold them.
forbid 'lines over 100 columns' '^.{101,}$' "${code[@]}"
forbid 'left-over markers' '\b(TOD[O]|FIXM[E]|XX[X]|HAC[K])\b' "${code[@]}" '*.md' demo test
forbid 'trailing blanks' '[ \t]+$' "${code[@]}"
forbid 'tabs' '\t' "${code[@]}"
forbid 'paths of one machine' '(?<![\w.])/(home|work|root|Users)/\w' "${code[@]}" '*.md' demo test
forbid 'assertions that vanish in release builds' '#\s*include\s*<assert\.h>' '*.c' '*.h'

exit "$failed"
