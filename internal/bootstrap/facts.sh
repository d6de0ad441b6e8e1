#!/bin/sh
# Tells what a host is, as the account that it runs in. It changes nothing, needs no privilege and takes no input. What it
# says stands between its first line and "end", so that neither a chatty shell nor a cut passes for an answer.
LC_ALL=C
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export LC_ALL PATH

has() { command -v "$1" >/dev/null 2>&1; }
yes_no() { if "$@" >/dev/null 2>&1; then echo yes; else echo no; fi; }

file() {
  if [ -L "$1" ]; then
    what=other
  elif [ ! -e "$1" ]; then
    what=absent
  elif [ ! -f "$1" ]; then
    what=other
  elif what=$(sha256sum "$1" 2>/dev/null); then
    what=${what%% *}
  else
    what=unreadable
  fi
  echo "file $1 $what"
}

unit() {
  load=- active=- enabled=-
  while IFS='=' read -r key value; do
    case $key in
      LoadState) load=${value:--} ;;
      ActiveState) active=${value:--} ;;
      UnitFileState) enabled=${value:--} ;;
    esac
  done <<END
$(systemctl show --property=LoadState,ActiveState,UnitFileState "$1" 2>/dev/null)
END
  echo "unit $1 $load $active $enabled"
}

free() {
  df -Pk "$1" 2>/dev/null | while read -r _ _ _ kib _; do
    case $kib in *[!0-9]*) ;; *) echo "free $1 $kib" ;; esac
  done
}

# k3s: a node with the k3s program, or a node whose kubectl is elsewhere.
k3s() { [ -x /usr/local/bin/k3s ] || { has kubectl && [ -e /etc/rancher/k3s/k3s.yaml ]; }; }

echo unidesk-host-facts/1
echo "machine $(uname -m)"
echo "uid $(id -u)"
account=$(id -un)
echo "account $account"
echo "systemd $(yes_no test -d /run/systemd/system)"
for tool in tar sha256sum cmp flock getent usermod systemctl systemd-sysusers systemd-tmpfiles; do
  has "$tool" || echo "missing $tool"
done
if [ "$(id -u)" = 0 ]; then
  echo "sudo root"
elif ! has sudo; then
  echo "sudo missing"
else
  echo "sudo $(yes_no sudo -n true)"
fi
echo "group $(yes_no getent group unidesk-agent)"
case " $(id -nG "$account") " in
  *' unidesk-agent '*) echo "member yes" ;;
  *) echo "member no" ;;
esac
for path in /usr/bin/unidesk-agent /usr/lib/sysusers.d/unidesk-agent.conf /usr/lib/tmpfiles.d/unidesk-agent.conf \
  /usr/lib/systemd/system/unidesk-agent.socket /usr/lib/systemd/system/unidesk-agent.service; do
  file "$path"
  file "$path.previous"
done
file /etc/unidesk/agent.yaml
if has dpkg && owner=$(dpkg -S /usr/bin/unidesk-agent 2>/dev/null); then
  echo "package ${owner%%:*}"
fi
free /usr/bin
free "${TMPDIR:-/tmp}"
for name in unidesk-agent.socket unidesk-agent.service docker.service unidesk-artifact-registry.service; do
  unit "$name"
done
echo "docker $(yes_no has docker)"
echo "engine $(yes_no test -S /run/docker.sock)"
echo "k3s $(yes_no k3s)"
echo end
