#!/usr/bin/env bash
# Makes sure the programs that the demo, the tests and the two-host lab run are on this machine.
#
#   lab/setup.sh engine sshd     a Docker Engine and an sshd that a test can start by itself
#   lab/setup.sh hosts           what boots two real hosts (systemd, Docker and sshd inside each)
#   lab/setup.sh race            a C compiler, which Go's race detector is linked with
#   lab/setup.sh lintian         Debian's checker of packages
#   lab/setup.sh promtool        Prometheus's checker of rules and metrics
#   lab/setup.sh samples         what the examples of the documents run
#   lab/setup.sh browser         the browser that the page is looked at with
#
# It installs programs and starts nothing: whoever wants a daemon starts one of his own. What is there already is left
# alone, whoever put it there, so it may run before every test: with nothing missing it takes a few milliseconds.
# Where it may not install (no root, no passwordless sudo, no apt) it names what is missing and exits 3.
set -euo pipefail

say() { printf 'setup: %s\n' "$*" >&2; }

usage() {
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2
  exit 2
}

# Servers live in sbin, which an ordinary user's PATH leaves out.
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

missing_programs=()
missing_packages=()

# want PROGRAM PACKAGE: notes both when the program cannot be run.
want() {
  command -v "$1" >/dev/null 2>&1 && return
  missing_programs+=("$1")
  missing_packages+=("$2")
}

# An engine that answers is in use: whatever else it lacks is its owner's business.
engine_answers() {
  command -v docker >/dev/null 2>&1 && timeout 5 docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}

(($# > 0)) || usage
for part in "$@"; do
  case "$part" in
    engine)
      want git git
      want ip iproute2
      if engine_answers; then
        say "a Docker Engine answers here: it is used as it is"
        continue
      fi
      want dockerd docker.io
      want containerd containerd
      want runc runc
      want iptables iptables
      # Newer Debian ships the client apart from the engine.
      command -v docker >/dev/null 2>&1 || { want docker docker.io && missing_packages+=('docker-cli?'); }
      ;;
    sshd)
      want sshd openssh-server
      want ssh openssh-client
      want ssh-keygen openssh-client
      ;;
    hosts)
      want git git
      want systemd-nspawn systemd-container
      want debootstrap debootstrap
      want ip iproute2
      want tc iproute2
      want nsenter util-linux
      want iptables iptables
      want ssh-keygen openssh-client
      ;;
    lintian)
      want lintian lintian
      ;;
    samples)
      want jq jq
      want curl curl
      ;;
    browser)
      want chromium chromium
      ;;
    promtool)
      want promtool prometheus
      ;;
    race)
      want gcc gcc
      if [[ ! -e /usr/include/stdlib.h ]]; then
        missing_programs+=(gcc)
        missing_packages+=(gcc libc6-dev)
      fi
      ;;
    *)
      say "unknown part '$part'"
      usage
      ;;
  esac
done

((${#missing_programs[@]} > 0)) || exit 0

mapfile -t missing_programs <<<"$(printf '%s\n' "${missing_programs[@]}" | sort -u)"
mapfile -t missing_packages <<<"$(printf '%s\n' "${missing_packages[@]}" | sort -u)"

# choose fills packages; 'NAME?' is one that only some releases have.
choose() {
  local package
  packages=()
  for package in "${missing_packages[@]}"; do
    if [[ $package == *\? ]]; then
      package=${package%\?}
      apt-cache show "$package" >/dev/null 2>&1 || continue
    fi
    packages+=("$package")
  done
}

refuse() {
  say "$1"
  say "missing programs: ${missing_programs[*]}"
  choose
  say "install these packages: ${packages[*]}"
  exit 3
}

root=()
if [[ $(id -u) -ne 0 ]]; then
  sudo -n true 2>/dev/null || refuse "not root, and sudo asks for a password"
  root=(sudo -n)
fi
command -v apt-get >/dev/null 2>&1 || refuse "not a Debian or Ubuntu: there is no apt-get"

say "missing: ${missing_programs[*]}"

# Debian starts a daemon as soon as it is installed, unless this file says no (deb-systemd-invoke(1), invoke-rc.d(8)).
# One that is there already says what its owner wants, and stays; one of ours that a killed run left is taken over.
policy=/usr/sbin/policy-rc.d
mark='# written by lab/setup.sh for the time of one installation'
remove_policy() { "${root[@]}" rm -f "$policy"; }
if [[ ! -e $policy ]] || grep -qF "$mark" "$policy"; then
  trap remove_policy EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  printf '#!/bin/sh\n%s\nexit 101\n' "$mark" | "${root[@]}" tee "$policy" >/dev/null
  "${root[@]}" chmod 0755 "$policy"
fi

# A source that does not answer (a vendor's, say) must not stop the ones that do: apt-get install tells what is lost.
apt() { "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" >&2; }
say "reading the package lists"
apt update || say "some package sources did not answer; going on with the others"

choose
say "installing: ${packages[*]}"
apt install -y --no-install-recommends "${packages[@]}"
# promtool comes with a server, which is not to start at the next boot.
if [[ " ${packages[*]} " == *" prometheus "* ]] && command -v deb-systemd-helper >/dev/null 2>&1; then
  "${root[@]}" deb-systemd-helper disable prometheus.service >/dev/null 2>&1 || say "prometheus.service starts at the next boot: systemctl disable prometheus"
fi

for program in "${missing_programs[@]}"; do
  hash -r
  command -v "$program" >/dev/null 2>&1 || { say "$program is still missing after installing ${packages[*]}"; exit 1; }
done
say "done"
