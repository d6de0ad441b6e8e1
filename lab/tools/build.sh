#!/usr/bin/env bash
# Builds the programs that the lab cannot pull or install: the compose plugin, the CNCF registry, Docker Engines that
# are newer than Debian's, and Kubernetes with its containerd, at pinned versions.
#
#   lab/tools/build.sh                      compose and registry
#   lab/tools/build.sh compose              some of: compose, registry, engine28, engine29, kubernetes
#   lab/tools/build.sh --installed compose  compose only where `docker compose` does not work on this machine already
#
# Prints the folder that holds them (docker-compose, registry, engine29/dockerd, kubernetes/kubectl) on stdout. A program is
# built again only when its module, its source, its flags or the toolchain has changed. The folder serves as a plugin folder:
# name it in cliPluginsExtraDirs of a docker config.json, or copy docker-compose into ~/.docker/cli-plugins. All are static, so
# they run in `FROM scratch`.
set -euo pipefail

say() { printf 'tools: %s\n' "$*" >&2; }

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
bin="${UNIDESK_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/unidesk-lab}/bin"
compose_version=v5.6.0
kubernetes_version=v1.34.4
crictl_version=v1.34.0

installed=
tools=()
for argument in "$@"; do
  case "$argument" in
    --installed) installed=yes ;;
    compose | registry | engine28 | engine29 | kubernetes) tools+=("$argument") ;;
    *)
      sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2
      exit 2
      ;;
  esac
done
((${#tools[@]} > 0)) || tools=(compose registry)

# pinned MODULE_FILE MODULE VERSION: a version that goes into a binary must be the one that is really built.
pinned() {
  grep -qE "$2 ${3//+/[+]}( |\$)" "$here/$1" || { say "$1 does not pin $2 at $3"; exit 1; }
}
pinned go.mod github.com/docker/compose/v5 "$compose_version"
pinned engine28/go.mod github.com/docker/docker v28.5.2+incompatible
pinned engine29/go.mod github.com/moby/moby/v2 v2.0.0-beta.24
pinned kubernetes/go.mod k8s.io/kubernetes "$kubernetes_version"
pinned crictl/go.mod sigs.k8s.io/cri-tools "$crictl_version"

# build NAME PACKAGE LDFLAGS [TAGS [MODULE]]: leaves $bin/NAME, whole or not at all. MODULE is the folder of the module that
# pins the package; a name with a folder is of the module of that folder if none is given. Two builds at once (test packages
# run side by side) would race for the same file: a folder has a lock, so that a long build holds up no other folder's.
build() {
  mkdir -p "$bin/$(dirname "$1")"
  {
    flock 9
    locked "$@"
  } 9>"$bin/$(dirname "$1")/.lock"
}

locked() {
  local name=$1 package=$2 ldflags=$3 tags=${4:-} module beside key
  module=$here/${5:-$(dirname "$name")}
  beside=$bin/$(dirname "$name")/.$(basename "$name")
  key=$({ go env GOVERSION GOARCH && printf '%s\n' "$package" "$ldflags" "$tags" && cat "$module/go.mod" "$module/go.sum" && sources "$module" "$package"; } | sha256sum | cut -c1-16)
  if [[ -x $bin/$name && $(cat "$beside.key" 2>/dev/null) == "$key" ]]; then
    say "$name: built before, in $bin"
    return
  fi
  say "$name: building (a minute or so; Kubernetes takes many)"
  rm -f "$beside.key"
  (cd "$module" && CGO_ENABLED=0 GOFLAGS=-mod=readonly GOWORK=off go build -trimpath -buildvcs=false -tags "$tags" -ldflags "-s -w $ldflags" -o "$beside.new" "$package")
  mv "$beside.new" "$bin/$name"
  printf '%s\n' "$key" >"$beside.key"
  say "$name: built in $bin"
}

# sources MODULE PACKAGE prints the source of a package that lies in the module itself; go.sum pins all others.
sources() {
  [[ $2 != .* ]] || cat "$1/$2"/*.go
}

# engine FOLDER DOCKER_MODULE VERSION: dockerd, and the containerd of the version that it is written for. They have no
# btrfs, which needs C, and no CRI, which no engine uses. runc is the machine's.
engine() {
  build "$1/dockerd" "$2/cmd/dockerd" "-X $2/dockerversion.Version=$3" exclude_graphdriver_btrfs
  build "$1/containerd" github.com/containerd/containerd/v2/cmd/containerd "" no_cri,no_devmapper,no_tracing,no_zfs
  build "$1/containerd-shim-runc-v2" github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2 ""
}

# kubernetes: what k3s has in it, by the names that k3s gives them. containerd is Engine 28's, the release line that k3s of
# this version has, with the CRI that no engine uses. runc is the machine's.
kubernetes() {
  local v=$kubernetes_version of=k8s.io/component-base/version containerd=github.com/containerd/containerd/v2/cmd command
  local cni=github.com/containernetworking/plugins/plugins minor=${v#v1.}
  build kubernetes/containerd $containerd/containerd "" no_devmapper,no_tracing,no_zfs engine28
  build kubernetes/containerd-shim-runc-v2 $containerd/containerd-shim-runc-v2 "" "" engine28
  build kubernetes/ctr $containerd/ctr "" "" engine28
  build kubernetes/bridge $cni/main/bridge "" "" cni
  build kubernetes/host-local $cni/ipam/host-local "" "" cni
  build kubernetes/pause ./pause ""
  build kubernetes/kubernetes . "-X $of.gitVersion=$v -X $of.gitMajor=1 -X $of.gitMinor=${minor%%.*} -X k8s.io/client-go/pkg/version.gitVersion=$v"
  for command in etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kubectl; do
    ln -sf kubernetes "$bin/kubernetes/$command"
  done
  build kubernetes/crictl sigs.k8s.io/cri-tools/cmd/crictl "-X sigs.k8s.io/cri-tools/pkg/version.Version=$crictl_version" "" crictl
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
    kubernetes) kubernetes ;;
  esac
done
printf '%s\n' "$bin"
