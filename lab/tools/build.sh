#!/usr/bin/env bash
# Builds the programs that the lab cannot pull or install: the compose plugin, the CNCF registry, Docker Engines that
# are newer than Debian's and a containerd with CRI, at pinned versions.
#
#   lab/tools/build.sh                      compose and registry
#   lab/tools/build.sh compose              some of: compose, registry, engine28, engine29, cri
#   lab/tools/build.sh --installed compose  compose only where `docker compose` does not work on this machine already
#
# Prints the folder that holds them (docker-compose, registry, engine29/dockerd) on stdout. A program is built again only when its module,
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
    compose | registry | engine28 | engine29 | cri) tools+=("$argument") ;;
    *)
      sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2
      exit 2
      ;;
  esac
done
((${#tools[@]} > 0)) || tools=(compose registry)

# pinned MODULE_FILE MODULE VERSION: a version that goes into a binary must be the one that is really built.
pinned() {
  grep -q "$2 $3 " "$here/$1" || { say "$1 does not pin $2 at $3"; exit 1; }
}
pinned go.mod github.com/docker/compose/v5 "$compose_version"
pinned engine28/go.mod github.com/docker/docker v28.5.2+incompatible
pinned engine29/go.mod github.com/moby/moby/v2 v2.0.0-beta.24

mkdir -p "$bin"
# Two builds at once (test packages run side by side) would race for the same file.
exec 9>"$bin/.lock"
flock 9

# build NAME PACKAGE LDFLAGS [TAGS]: leaves $bin/NAME, whole or not at all. A name with a folder is of the module there.
build() {
  local name=$1 package=$2 ldflags=$3 tags=${4:-} module beside key
  module=$here/$(dirname "$name")
  beside=$bin/$(dirname "$name")/.$(basename "$name")
  key=$({ go env GOVERSION GOARCH && cat "$module/go.mod" "$module/go.sum" "$here"/registry/*.go "$here/build.sh"; } | sha256sum | cut -c1-16)
  if [[ -x $bin/$name && $(cat "$beside.key" 2>/dev/null) == "$key" ]]; then
    say "$name: built before, in $bin"
    return
  fi
  say "$name: building (a minute or so)"
  mkdir -p "$(dirname "$beside")"
  rm -f "$beside.key"
  (cd "$module" && CGO_ENABLED=0 GOFLAGS=-mod=readonly GOWORK=off go build -trimpath -buildvcs=false -tags "$tags" -ldflags "-s -w $ldflags" -o "$beside.new" "$package")
  mv "$beside.new" "$bin/$name"
  printf '%s\n' "$key" >"$beside.key"
  say "$name: built in $bin"
}

# engine FOLDER DOCKER_MODULE VERSION: dockerd, and the containerd of the version that it is written for. They have no
# btrfs, which needs C, and no CRI, which no engine uses. runc is the machine's.
engine() {
  build "$1/dockerd" "$2/cmd/dockerd" "-X $2/dockerversion.Version=$3" exclude_graphdriver_btrfs
  build "$1/containerd" github.com/containerd/containerd/v2/cmd/containerd "" no_cri,no_devmapper,no_tracing,no_zfs
  build "$1/containerd-shim-runc-v2" github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2 ""
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
    engine28) engine engine28 github.com/docker/docker 28.5.2 ;;
    # v2.0.0-beta.24 is the newest that the module proxy has, of the day of docker-v29.8.1.
    engine29) engine engine29 github.com/moby/moby/v2 29.8.1 ;;
    # containerd as Kubernetes uses it, of the same version: with CRI.
    cri) build engine29/containerd-cri github.com/containerd/containerd/v2/cmd/containerd "" no_devmapper,no_tracing,no_zfs ;;
  esac
done
printf '%s\n' "$bin"
