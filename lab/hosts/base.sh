#!/bin/bash
# Makes the tree that every lab host starts from: a small Debian with systemd, sshd and Docker, as an administrator would
# have installed them. Its own text is part of the cache key, so a change here rebuilds the tree.
#
#   base.sh DIRECTORY MIRROR [PACKAGE...]     extra packages on top of the ones below
#
# http_proxy, where the machine's apt needs one, comes in through the environment and is not left in the tree.
set -euo pipefail

root=$1 mirror=$2
shift 2

suite=bookworm
first=systemd,systemd-sysv,dbus,iproute2
then=(openssh-server openssh-client docker.io containerd runc iptables ca-certificates curl git procps sudo "$@")

mkdir -p "$root/etc/dpkg/dpkg.cfg.d"
# The tree is thrown away when its making is cut short, so nothing needs to be synced on the way.
echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/lab"
printf 'path-exclude=%s\n' '/usr/share/doc/*' '/usr/share/man/*' '/usr/share/locale/*' >>"$root/etc/dpkg/dpkg.cfg.d/lab"

debootstrap --variant=minbase --include="$first" "$suite" "$root" "$mirror"

# Nothing may start while it is installed: the tree is not a running system.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 0755 "$root/usr/sbin/policy-rc.d"
cp /etc/resolv.conf "$root/etc/resolv.conf"
cp /etc/hosts "$root/etc/hosts"
mount -t proc proc "$root/proc"
trap 'umount -l "$root/proc"' EXIT
inside() { chroot "$root" env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"; }
inside apt-get -qq update
inside apt-get -qq install -y --no-install-recommends "${then[@]}"

# A lab host has no network to fetch updates from, and a timer that wakes up in a test only disturbs it.
inside systemctl mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer
inside apt-get clean
rm -rf "$root"/var/lib/apt/lists/* "$root/usr/sbin/policy-rc.d" "$root/etc/resolv.conf"
# What makes a host that host is made for each: two hosts must never share a host key or a machine id.
rm -f "$root"/etc/ssh/ssh_host_* "$root/var/lib/dbus/machine-id"
: >"$root/etc/machine-id"
