#!/bin/sh
# Puts an agent on the host that it runs on, as root. Everything that varies comes on its input, a tar stream:
#
#   act           apply, keep or restore
#   account       who may connect to the agent, empty for nobody
#   agent.sha256  what the agent's binary must be
#   config        the first agent.yaml
#   root/PATH     the files; the binary only where it is not there already
#   manifest      the SHA-256 of all of these
#
# It looks before it touches: until every file lies beside its place, whole, with its hash checked, a failure leaves the host
# as it was. After that a failure is undone. What it replaces it keeps as PATH.previous until "keep" says that the new agent
# answers; "restore" brings that back. One line is printed for each act.
set -eu
umask 022
LC_ALL=C
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export LC_ALL PATH

agent=/usr/bin/unidesk-agent
sysusers=/usr/lib/sysusers.d/unidesk-agent.conf
tmpfiles=/usr/lib/tmpfiles.d/unidesk-agent.conf
socket=/usr/lib/systemd/system/unidesk-agent.socket
service=/usr/lib/systemd/system/unidesk-agent.service
config=/etc/unidesk/agent.yaml
paths="$agent $sysusers $tmpfiles $socket $service"

stage='' switching='' made='' changed=''

say() { echo "$@" || :; } # nobody may be listening any more
die() {
  code=$1
  shift
  echo "$@" >&2 || :
  exit "$code"
}

# finish is run on every way out.
finish() {
  code=$?
  trap - EXIT
  set +e
  cd /
  for path in $paths $config; do
    rm -f "$path.unidesk-new"
  done
  [ -z "$stage" ] || rm -rf "$stage"
  if [ "$code" != 0 ] && [ -n "$switching" ]; then
    undo
  fi
  exit "$code"
}

# undo leaves what was there before, and nothing that was not.
undo() {
  case " $made " in *" $service "*) systemctl disable --quiet --now unidesk-agent.socket unidesk-agent.service ;; esac
  for path in $made; do
    rm -f "$path"
    say "removed $path"
  done
  case " $made " in *" $config "*) rmdir "${config%/*}" /run/unidesk-agent 2>/dev/null ;; esac
  restore || say 'failed unidesk-agent.service'
}

restore() {
  back=''
  for path in $paths; do
    if [ -e "$path.previous" ]; then
      mv -f "$path.previous" "$path"
      rm -f "$path.previous" # two names of one file: mv may do nothing
      back="$back $path"
      say "restored $path"
    fi
  done
  systemctl daemon-reload
  [ -z "$back" ] || start "$back"
}

# start starts the agent with what is there now; the socket anew only when its unit is another one, for that cuts off
# everybody.
start() {
  case " $1 " in *" $socket "*)
    systemctl stop unidesk-agent.service unidesk-agent.socket
    systemctl start unidesk-agent.socket
    ;;
  esac
  systemctl restart unidesk-agent.service
}

# runs_as_wanted: the running agent is the binary that was asked for, whatever its file is by now.
runs_as_wanted() {
  pid=$(systemctl show --property=MainPID unidesk-agent.service) || return 1
  pid=${pid#MainPID=}
  case $pid in '' | 0 | *[!0-9]*) return 1 ;; esac
  sum=$(sha256sum "/proc/$pid/exe" 2>/dev/null) || return 1
  [ "${sum%% *}" = "$want" ]
}

trap finish EXIT
trap 'exit 1' HUP INT TERM

[ "$(id -u)" = 0 ] || die 77 'this is not root'
[ -d /run/systemd/system ] || die 69 'systemd does not run here'
for tool in tar sha256sum cmp flock getent usermod systemctl systemd-sysusers systemd-tmpfiles; do
  command -v "$tool" >/dev/null 2>&1 || die 69 "there is no $tool here"
done
if command -v dpkg >/dev/null 2>&1 && dpkg -S "$agent" >/dev/null 2>&1; then
  die 69 "$agent belongs to a package"
fi
exec 9>/run/unidesk-bootstrap.lock
flock -w 60 9 || die 75 'another bootstrap is at work here'

stage=$(mktemp -d) || die 74 'there is no room for the files'
if ! tar -x -f - -C "$stage" --no-same-owner; then
  head -c 65536 /dev/zero >"$stage/room" || die 74 'there is no room for the files'
  die 65 'the files did not arrive whole'
fi
cd "$stage"
sha256sum --check --strict --quiet manifest >&2 || die 65 'what arrived is not what was sent'
read -r act <./act
read -r account <./account
read -r want <./agent.sha256

case $act in
  keep)
    runs_as_wanted || die 70 'what runs is not the agent that was put here'
    for path in $paths; do
      rm -f "$path.previous"
    done
    say "running $want"
    exit 0
    ;;
  restore)
    trap '' HUP INT TERM PIPE
    restore || die 70 'the agent from before does not start'
    exit 0
    ;;
  apply) ;;
  *) die 64 "there is no act '$act'" ;;
esac
case $account in -* | *[!a-z0-9_.-]*) die 64 "'$account' is not an account" ;; esac

# Nothing that runs sees this part.
for path in $paths; do
  if [ -L "$path" ] || { [ -e "$path" ] && [ ! -f "$path" ]; }; then
    die 73 "$path is there and is not a regular file"
  fi
  new=root$path
  mode=644
  if [ "$path" = "$agent" ]; then
    mode=755
    if [ ! -e "$new" ]; then
      sum=$(sha256sum "$path") || die 75 "$path has changed meanwhile"
      [ "${sum%% *}" = "$want" ] || die 75 "$path has changed meanwhile"
      new=$path
    fi
  fi
  if cmp -s "$new" "$path" && [ "$(stat -c '%a %u %g' "$path")" = "$mode 0 0" ]; then
    say "same $path"
    continue
  fi
  mkdir -p "${path%/*}"
  cp "$new" "$path.unidesk-new" || die 74 "$path cannot be written"
  chown 0:0 "$path.unidesk-new"
  chmod "$mode" "$path.unidesk-new"
  sync "$path.unidesk-new" || die 74 "$path cannot be written"
  cmp "$new" "$path.unidesk-new" || die 74 "$path cannot be written"
  changed="$changed $path"
done

# From here on it goes to the end, or back, whoever hangs up.
trap '' HUP INT TERM PIPE
switching=yes
for path in $changed; do
  if [ ! -e "$path" ]; then
    made="$made $path"
  elif [ ! -e "$path.previous" ]; then # one that is there is the last that was proven
    ln "$path" "$path.previous"
  fi
  mv -f "$path.unidesk-new" "$path"
  say "changed $path"
done
if [ -e "$config" ] || [ -L "$config" ]; then
  say "same $config"
else
  mkdir -p "${config%/*}"
  cp config "$config.unidesk-new"
  chmod 640 "$config.unidesk-new"
  sync "$config.unidesk-new"
  made="$made $config"
  mv "$config.unidesk-new" "$config"
  say "changed $config"
fi
sync -f "$agent"

if getent group unidesk >/dev/null; then
  say 'same group unidesk'
else
  systemd-sysusers "$sysusers" >&2
  say 'changed group unidesk'
fi
if [ -n "$account" ]; then
  case " $(id -nG "$account") " in
    *' unidesk '*) say "same $account in group unidesk" ;;
    *)
      usermod -a -G unidesk "$account" >&2
      say "changed $account in group unidesk"
      ;;
  esac
fi
systemd-tmpfiles --create "$tmpfiles" >&2

case $changed in *.socket* | *.service*) systemctl daemon-reload >&2 ;; esac
for unit in unidesk-agent.socket unidesk-agent.service; do
  if systemctl is-enabled --quiet "$unit" 2>/dev/null; then
    say "same $unit enabled"
  else
    systemctl enable --quiet "$unit" >&2
    say "changed $unit enabled"
  fi
done

failed() {
  journalctl --unit=unidesk-agent.service --lines=6 --no-pager --output=cat >&2 || :
  die 70 'the agent does not start'
}
if systemctl is-active --quiet unidesk-agent.socket && systemctl is-active --quiet unidesk-agent.service &&
  runs_as_wanted && case $changed in *.socket* | *.service*) false ;; esac; then
  say 'same unidesk-agent.service running'
else
  systemctl start unidesk-agent.socket >&2 || failed
  start "$changed" >&2 || failed
  say 'changed unidesk-agent.service running'
fi
