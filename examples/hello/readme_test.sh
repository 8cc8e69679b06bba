#!/bin/sh
# readme_shows_the_files_of_hello: every block of code in the README is a part of a file here.
set -eu
readme=$1
hello=$(dirname "$0")
awk -v hello="$hello" '
  function read_file(path,   text, line) {
    text = ""
    while ((getline line < path) > 0) text = text line "\n"
    close(path)
    return text
  }
  BEGIN {
    sources["c"] = read_file(hello "/hello-server.c") "\f" read_file(hello "/hello-client.c")
    sources["proto"] = read_file(hello "/hello.proto")
    sources["cmake"] = read_file(hello "/CMakeLists.txt")
  }
  /^```/ && !inside { inside = 1; language = substr($0, 4); block = ""; next }
  /^```/ {
    inside = 0
    if (!(language in sources)) next
    checked++
    if (!index(sources[language], block)) { print "not in examples/hello:\n" block; failed = 1 }
    next
  }
  inside { block = block $0 "\n" }
  END {
    if (checked < 4) { print "only " checked + 0 " blocks of code found"; failed = 1 }
    exit failed
  }
' "$readme"
