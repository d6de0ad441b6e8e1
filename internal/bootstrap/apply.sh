#!/bin/sh
# Puts an agent on the host that it runs on, as root. Everything that varies comes on its input, a tar stream:
#
#   act           apply, keep or restore; look or grant, which are about the cluster of a node of k3s
#   account       who may connect to the agent, empty for nobody
#   agent.sha256  what the agent's binary must be
#   config        the first agent.yaml
#   root/PATH     the files; the binary only where it is not there already
#   cluster/list  for look and grant, lines of "VERB FILE OBJECT": "need" an object that must be there, "apply" an object that
#                 must be as cluster/FILE has it, "create" an object that must be there
#   manifest      the SHA-256 of all of these
#
# It looks before it touches: until every file lies beside its place, whole, with its hash checked, a failure leaves the host
# as it was. After that a failure is undone. What it replaces it keeps as PATH.previous until "keep" says that the new agent
# answers; "restore" brings that back. One line is printed for each act. "look" changes nothing and prints the lines that
# "grant" would. "grant" deletes nothing in a cluster, and undoes nothing there after a failure.
set -eu
umask 022
LC_ALL=C
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin
export LC_ALL PATH

agent=/usr/bin/unidesk-agent
group=unidesk-agent
sysusers=/usr/lib/sysusers.d/unidesk-agent.conf
tmpfiles=/usr/lib/tmpfiles.d/unidesk-agent.conf
socket=/usr/lib/systemd/system/unidesk-agent.socket
service=/usr/lib/systemd/system/unidesk-agent.service
config=/etc/unidesk/agent.yaml
paths="$agent $sysusers $tmpfiles $socket $service"
kubeconfig=/etc/rancher/k3s/k3s.yaml
token=/var/lib/unidesk-agent/kubernetes-token

locked='' stage='' switching='' made='' changed=''

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
  if [ -n "$locked" ]; then # else they are another bootstrap's
    for path in $paths $config $token; do
      rm -f "$path.unidesk-new"
    done
  fi
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

failed() {
  journalctl --unit=unidesk-agent.service --lines=6 --no-pager --output=cat >&2 || :
  die 70 'the agent does not start'
}

# kube is kubectl as the cluster's administrator. It leaves no cache.
kube() {
  if [ -x /usr/local/bin/k3s ]; then set -- /usr/local/bin/k3s kubectl "$@"; else set -- kubectl "$@"; fi
  KUBECTL_EXTERNAL_DIFF='' "$@" --kubeconfig="$kubeconfig" --cache-dir="$stage/cache" --request-timeout=20s
}

# alike: the objects in these files are in the cluster as they are in the files.
alike() {
  differs=0
  kube diff "$@" >/dev/null || differs=$?
  [ "$differs" -le 1 ] || die 68 'kubectl diff failed'
  return "$differs"
}

is_there() { grep -Fqx -e "$1" there; }

# token_is_good: the file is root's alone, and the cluster knows its token as the agent's. The token is on no command line.
token_is_good() {
  [ ! -L "$token" ] && [ -f "$token" ] && [ "$(stat -c '%a %u %g' "$token")" = '600 0 0' ] || return 1
  user=$({
    printf '{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"'
    tr -d '\n' <"$token"
    printf '"}}'
  } | kube create -f - -o 'jsonpath={.status.user.username}' 2>/dev/null) || return 1
  [ "$user" = system:serviceaccount:unidesk-system:unidesk-agent ]
}

make_token() {
  if [ -L "$token" ] || { [ -e "$token" ] && [ ! -f "$token" ]; }; then
    die 73 "$token is there and is not a regular file"
  fi
  rm -f "$token.unidesk-new"
  (
    umask 077
    kube create token unidesk-agent --namespace unidesk-system --duration 24h >"$token.unidesk-new"
  ) || die 68 'the cluster makes no token for the agent'
  sync "$token.unidesk-new" || die 74 "$token cannot be written"
  mv -f "$token.unidesk-new" "$token"
}

# cluster looks or grants. The agent is restarted after a change: what it knows of its rights may be minutes old.
cluster() {
  [ -e "$kubeconfig" ] || die 68 "there is no $kubeconfig: root does not administer the cluster from here"
  kube get -f cluster --ignore-not-found -o 'jsonpath={range .items[*]}{.kind} {.metadata.namespace}/{.metadata.name}{"\n"}{end}' >found ||
    die 68 'the cluster does not answer root'
  tr '[:upper:]' '[:lower:]' <found | sed 's, /, ,' >there # in the words of the list
  again='' uniform=''
  while read -r verb file what; do
    if [ "$verb" = apply ] && is_there "$what"; then set -- "$@" -f "cluster/$file"; fi
  done <cluster/list
  if [ "$#" = 0 ] || alike "$@"; then uniform=yes; fi
  while read -r verb file what <&3; do
    if is_there "$what" && { [ "$verb" != apply ] || [ -n "$uniform" ] || alike -f "cluster/$file"; }; then
      [ "$verb" = need ] || say "same $what"
      continue
    fi
    [ "$verb" != need ] || die 68 "the cluster has no $what, which services of the catalog need: make it"
    [ "$act" = look ] || kube "$verb" -f "cluster/$file" >/dev/null || die 68 "the cluster does not take $what"
    say "changed $what"
    again=yes
  done 3<cluster/list
  if token_is_good; then
    say "same $token"
  else
    [ "$act" = look ] || make_token
    say "changed $token"
    again=yes
  fi
  [ -n "$again" ] || return 0
  [ "$act" = look ] || systemctl restart unidesk-agent.service >&2 || failed
  say 'changed unidesk-agent.service restarted'
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
locked=yes

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
  look)
    cluster
    exit 0
    ;;
  grant)
    trap '' HUP INT TERM PIPE
    cluster
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

if getent group "$group" >/dev/null; then
  say "same group $group"
else
  systemd-sysusers "$sysusers" >&2
  # The group of an older agent's socket was unidesk. Its members go on reaching the agent: what they may do is in agent.yaml.
  if [ -e "$sysusers.previous" ]; then
    for member in $(getent group unidesk | cut -d: -f4 | tr , ' '); do
      usermod -a -G "$group" "$member" >&2 || :
    done
  fi
  say "changed group $group"
fi
if [ -n "$account" ]; then
  case " $(id -nG "$account") " in
    *" $group "*) say "same $account in group $group" ;;
    *)
      usermod -a -G "$group" "$account" >&2
      say "changed $account in group $group"
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

if systemctl is-active --quiet unidesk-agent.socket && systemctl is-active --quiet unidesk-agent.service &&
  runs_as_wanted && case $changed in *.socket* | *.service*) false ;; esac; then
  say 'same unidesk-agent.service running'
else
  systemctl start unidesk-agent.socket >&2 || failed
  start "$changed" >&2 || failed
  say 'changed unidesk-agent.service running'
fi
