#!/usr/bin/env bash
# Builds the programs that the lab cannot pull or install: the compose plugin and the CNCF registry, at pinned versions.
#
#   lab/tools/build.sh                      both
#   lab/tools/build.sh compose              one of: compose, registry
#   lab/tools/build.sh --installed compose  compose only where `docker compose` does not work on this machine already
#
# Prints the folder that holds them (docker-compose, registry) on stdout. A program is built again only when its module,
# its source or the toolchain has changed. The folder serves as a plugin folder: name it in cliPluginsExtraDirs of a
# docker config.json, or copy docker-compose into ~/.docker/cli-plugins. Both are static, so they run in `FROM scratch`.
set -euo pipefail

say() { printf 'tools: %s\n' "$*" >&2; }

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
bin="${UNIDESK_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/unidesk-lab}/bin"
compose_version=v5.6.0

installed=
tools=()
for argument in "$@"; do
  case "$argument" in
    --installed) installed=yes ;;
    compose | registry) tools+=("$argument") ;;
    *)
      sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2
      exit 2
      ;;
  esac
done
((${#tools[@]} > 0)) || tools=(compose registry)

# The pin above goes into the binary, so it must be the version that the module really builds.
grep -q "github.com/docker/compose/v5 $compose_version " "$here/go.mod" ||
  { say "go.mod does not pin compose at $compose_version"; exit 1; }

mkdir -p "$bin"
# Two builds at once (test packages run side by side) would race for the same file.
exec 9>"$bin/.lock"
flock 9

key=$({ go env GOVERSION GOARCH && cat "$here/go.mod" "$here/go.sum" "$here"/registry/*.go "$here/build.sh"; } | sha256sum | cut -c1-16)

# build NAME PACKAGE LDFLAGS: leaves $bin/NAME, whole or not at all.
build() {
  local name=$1 package=$2 ldflags=$3
  if [[ -x $bin/$name && $(cat "$bin/.$name.key" 2>/dev/null) == "$key" ]]; then
    say "$name: built before, in $bin"
    return
  fi
  say "$name: building (a minute or so)"
  rm -f "$bin/.$name.key"
  (cd "$here" && CGO_ENABLED=0 GOFLAGS=-mod=readonly GOWORK=off go build -trimpath -buildvcs=false -ldflags "-s -w $ldflags" -o "$bin/.$name.new" "$package")
  mv "$bin/.$name.new" "$bin/$name"
  printf '%s\n' "$key" >"$bin/.$name.key"
  say "$name: built in $bin"
}

for tool in "${tools[@]}"; do
  case "$tool" in
    compose)
      own=$(docker compose version --short 2>/dev/null || true)
      if [[ -n $installed && ${own#v} =~ ^([2-9]|[1-9][0-9])\. ]]; then
        say "docker compose: this machine's own, $own"
      else
        build docker-compose github.com/docker/compose/v5/cmd "-X github.com/docker/compose/v5/internal.Version=$compose_version"
      fi
      ;;
    registry) build registry ./registry "" ;;
  esac
done
printf '%s\n' "$bin"
