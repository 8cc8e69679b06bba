#!/bin/sh
# Usage: same_story.sh sure-sim
# A seed must tell the same story every time, or a failure could not be looked at again.
set -eu
for seed in 1 2 3 17 123 4567; do
  for store in '' --sqlite; do
    first=$("$1" --seed "$seed" $store --trace | cksum)
    second=$("$1" --seed "$seed" $store --trace | cksum)
    if [ "$first" != "$second" ]; then
      echo "seed $seed $store told two stories" >&2
      exit 1
    fi
  done
done
