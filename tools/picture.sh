#!/usr/bin/env bash
# Makes a picture of a terminal session: the scenes of the demo whose numbers it is given, as a
# terminal of 80 columns shows them.
#
#   tools/picture.sh PICTURE SCENE...
set -euo pipefail
cd "$(dirname "$0")/.."

picture=${1:?type tools/picture.sh PICTURE SCENE...}
shift
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

go build -o "$dir/demo" ./lab/cmd/demo
script --quiet --return --command "stty cols 80 rows 60; TERM=xterm-256color $dir/demo" /dev/null </dev/null >"$dir/session"
# A scene begins with a rule that has its number: "── 4/10  The next commit ──".
awk -v wanted=" $* " '
  { plain = $0; gsub(/\033\[[0-9;]*m/, "", plain) }
  plain ~ /^── / { shown = match(plain, /[0-9]+\//) && index(wanted, " " substr(plain, RSTART, RLENGTH - 1) " ") }
  shown' "$dir/session" >"$dir/scenes"
[ -s "$dir/scenes" ] || {
  echo "picture.sh: the demo has no scene $*" >&2
  exit 1
}
html() { go tool -modfile=tools/go.mod terminal-to-html "$@" <"$dir/scenes"; }
html -preview >"$dir/scenes.html"
lines=$(html | grep -c '') # a bar is many lines of the session, and none of the screen
chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --force-device-scale-factor=1.5 \
  --window-size="720,$((lines * 20 + 30))" --screenshot="$PWD/$picture" "file://$dir/scenes.html" 2>"$dir/chromium" || {
  cat "$dir/chromium" >&2
  exit 1
}
echo "$picture: scenes $* of the demo"
