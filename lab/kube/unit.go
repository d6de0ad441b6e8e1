package kube

import (
	"context"
	"fmt"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/lab/apiserver"
)

// The units, by name.
const (
	Etcd              = "kube-etcd.service"
	Containerd        = "kube-containerd.service"
	APIServer         = "kube-apiserver.service"
	ControllerManager = "kube-controller-manager.service"
	Scheduler         = "kube-scheduler.service"
	Kubelet           = "kubelet.service"

	// node makes the host fit, once a boot.
	node = "kube-node.service"
)

// Units are all of them, in the order in which they start.
func Units() []string {
	return []string{Containerd, Etcd, APIServer, ControllerManager, Scheduler, Kubelet}
}

// Start starts units and returns once each has started.
func (k *Cluster) Start(ctx context.Context, units ...string) error {
	return k.systemctl(ctx, append([]string{"start"}, units...)...)
}

// Stop stops units. Pods go on running when the kubelet or containerd stops.
func (k *Cluster) Stop(ctx context.Context, units ...string) error {
	return k.systemctl(ctx, append([]string{"stop"}, units...)...)
}

// Restart stops units and starts them again.
func (k *Cluster) Restart(ctx context.Context, units ...string) error {
	return k.systemctl(ctx, append([]string{"restart"}, units...)...)
}

// systemctl adds what the journal holds to the error of a unit that does not start.
func (k *Cluster) systemctl(ctx context.Context, args ...string) error {
	_, err := k.Host.Output(ctx, append([]string{"systemctl"}, args...)...)
	if err == nil {
		return nil
	}
	journal := []string{"journalctl", "--no-pager", "--output=cat", "--lines=15"}
	for _, arg := range args {
		if strings.HasSuffix(arg, ".service") {
			journal = append(journal, "--unit="+arg)
		}
	}
	said, _ := k.Host.Output(context.WithoutCancel(ctx), journal...)
	return fmt.Errorf("%w; the journal ends with:\n%s", err, said)
}

// unit is a systemd unit that starts with the host and again when it ends.
type unit struct {
	name, after string
	argv        []string
	// notifies is true if the program itself reports that it has started.
	notifies bool
	// more are further lines of its section Service.
	more string
}

func (u unit) text() string {
	kind := "exec"
	if u.notifies {
		kind = "notify"
	}
	return fmt.Sprintf(`[Unit]
Description=%[1]s of the lab
After=%[2]s %[3]s
Requires=%[2]s
StartLimitIntervalSec=0

[Service]
Type=%[4]s
NotifyAccess=main
Environment=PATH=%[5]s:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ExecStart=%[6]s
Restart=always
RestartSec=1
LimitNOFILE=1048576
%[7]s
[Install]
WantedBy=multi-user.target
`, u.name, node, u.after, kind, programs, strings.Join(u.argv, " "), u.more)
}

// units makes them for a host's address.
func units(address string) []unit {
	plane := apiserver.Plane{
		Programs: programs, Dir: serverDir, Bind: "0.0.0.0", Advertise: address, Port: Port, EtcdPort: 2379, PeerPort: 2380, Kubelet: true,
	}
	return []unit{
		// As k3s has it: what runs in pods outlives containerd and the kubelet.
		{
			name: Containerd, argv: []string{programs + "/containerd", "--config", containerdConfigFile}, notifies: true,
			more: "Delegate=yes\nKillMode=process\nOOMScoreAdjust=-999\nTasksMax=infinity\n",
		},
		{name: Etcd, argv: plane.Etcd(), notifies: true},
		// Asked to end, it would wait a minute for clients that watch.
		{name: APIServer, after: Etcd, argv: plane.APIServer(), notifies: true, more: "TimeoutStartSec=180\nTimeoutStopSec=5\n"},
		{name: ControllerManager, after: APIServer, argv: plane.ControllerManager()},
		{name: Scheduler, after: APIServer, argv: plane.Scheduler()},
		{name: Kubelet, after: Containerd + " " + APIServer, more: "KillMode=process\n", argv: []string{
			programs + "/kubelet", "--config=" + KubeletConfig, "--kubeconfig=" + kubeletKubeconfig, "--node-ip=" + address,
		}},
	}
}

// nodeUnit runs fit before everything else.
const nodeUnit = `[Unit]
Description=what Kubernetes wants of the lab's host

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh ` + fitFile + `
`

// fit makes a systemd-nspawn container fit for a kubelet. Pods' mounts have to be seen in both directions. Version 1 cgroups
// are read-only there until they are mounted anew. The kubelet reads the kernel's messages, of which the lab gives it none. And it sets
// kernel settings of the whole machine outside, unless they are as it wants them: so it is shown files with these settings.
const fit = `set -eu
mount --make-rshared /
while read -r _ at _; do
  case $at in /sys/fs/cgroup/*) mount -o remount,rw,bind "$at" ;; esac
done </proc/mounts
[ -e /dev/kmsg ] || ln -s console /dev/kmsg
show() {
  file=/run/k3s/settings/$1
  mkdir -p "$(dirname "$file")"
  echo "$2" >"$file"
  mount --bind "$file" "/proc/sys/$1"
}
show vm/overcommit_memory 1
show vm/panic_on_oom 0
show kernel/panic 10
show kernel/panic_on_oops 1
show kernel/keys/root_maxkeys 1000000
show kernel/keys/root_maxbytes 25000000
`
