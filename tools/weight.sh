#!/usr/bin/env bash
# Prints the size of both programs and how long each takes to start, beside those of another commit:
#
#   tools/weight.sh COMMIT [RUNS]
#
# The programs are built alike, and started in turn. A start is `version`; its time is the median of RUNS (41).
set -euo pipefail
cd "$(dirname "$0")/.."

commit=${1:?type tools/weight.sh COMMIT [RUNS]} runs=${2:-41}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
git clone --quiet --shared --no-checkout . "$dir/tree"
git -C "$dir/tree" checkout --quiet "$commit"

build() { # TREE SUFFIX
  for program in agent controller; do
    (cd "$1" && CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w' -o "$dir/$program-$2" "./cmd/$program")
  done
}
build "$dir/tree" before
build . now

# start PROGRAM: microseconds from its start to its end.
start() {
  local from=${EPOCHREALTIME/./}
  "$1" version >/dev/null
  echo $((${EPOCHREALTIME/./} - from))
}

median() { sort -n | sed -n "$((runs / 2 + 1))p"; }

printf '%-11s %14s %14s %9s   %10s %10s %6s\n' program "bytes before" "bytes now" more "start" "start now" ratio
for program in agent controller; do
  for ((i = 0; i < runs; i++)); do
    for which in before now; do
      start "$dir/$program-$which" >>"$dir/$program-$which.times"
    done
  done
  was=$(stat -c %s "$dir/$program-before") now=$(stat -c %s "$dir/$program-now")
  old=$(median <"$dir/$program-before.times") new=$(median <"$dir/$program-now.times")
  awk -v p="$program" -v was="$was" -v now="$now" -v old="$old" -v new="$new" 'BEGIN {
    printf "%-11s %14d %14d %6.2f MB   %7.1f ms %7.1f ms %6.2f\n", p, was, now, (now - was) / 1e6, old / 1000, new / 1000, new / old }'
done
