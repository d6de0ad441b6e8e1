// Package hosts brings up the two hosts that the end-to-end tests deploy between, on a single
// machine: a master and D601, each with systemd as PID 1, a Docker Engine with a store of its own,
// a real sshd, and its own address on a link whose rate can be set and whose bytes can be counted.
// Nothing in them is simulated but the hardware: each is a systemd-nspawn container on an overlay
// over a shared cached Debian tree.
//
// It needs root, and the programs that `lab/setup.sh hosts` installs. It is test support: the product never imports it.
//
// What it touches outside its own folders is small and has fixed names, so that the next [Up] can
// find and remove what a killed test left behind: a bridge and two links (udlab…), a cgroup per
// host, an iptables rule if bridged packets pass the firewall, and the records in /run/unidesk-lab.
// Two labs may be up on a machine at a time; a third Up waits. The danger is that it deletes as
// root: a host's folder is removed only once nothing is mounted below it.
package hosts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// closeTime bounds a clean-up, which must run to its end after the caller's context has.
const closeTime = time.Minute

// Config is where the lab keeps what it makes. The zero value is usable.
type Config struct {
	// Cache holds the Debian tree between runs and the hosts' disks during a run; [DefaultCache]
	// when empty. It must not lie on an overlay file system: overlays do not stack.
	Cache string
	// Compose is the static compose plugin that both hosts get; what lab/tools/build.sh leaves in the cache when empty.
	Compose string
	// Mirror is the Debian archive that the tree is made from; $UNIDESK_LAB_MIRROR, else Debian's own, when empty.
	Mirror string
	// Packages are Debian packages to have in both hosts besides the usual ones. Each set of them is a tree of its own.
	Packages []string
	// Log receives each step, and what a host printed when it would not boot; both hosts may write at once. Nil drops it.
	Log io.Writer
}

// DefaultCache is the folder that lab/tools/build.sh uses too.
func DefaultCache() string {
	if dir := os.Getenv("UNIDESK_LAB_CACHE"); dir != "" {
		return dir
	}
	if dir, err := os.UserCacheDir(); err == nil {
		return filepath.Join(dir, "unidesk-lab")
	}
	return filepath.Join(os.TempDir(), "unidesk-lab")
}

func (c Config) complete() (Config, error) {
	if c.Cache == "" {
		c.Cache = DefaultCache()
	}
	cache, err := filepath.Abs(c.Cache)
	if err != nil {
		return c, err
	}
	// Both would end a field in a mount option or a bind argument.
	if strings.ContainsAny(cache, ",:") {
		return c, fmt.Errorf("cache folder %q: a path with a comma or a colon cannot be mounted", cache)
	}
	c.Cache = cache
	if c.Compose == "" {
		c.Compose = filepath.Join(c.Cache, "bin", "docker-compose")
	}
	if _, err := os.Stat(c.Compose); err != nil {
		return c, fmt.Errorf("the compose plugin (lab/tools/build.sh compose makes it): %w", err)
	}
	if c.Mirror == "" {
		c.Mirror = os.Getenv("UNIDESK_LAB_MIRROR")
	}
	if c.Mirror == "" {
		c.Mirror = "http://deb.debian.org/debian"
	}
	if c.Log == nil {
		c.Log = io.Discard
	}
	return c, nil
}

// Lab is two running hosts and the link between them.
type Lab struct {
	D601   *Host
	Master *Host
	// Keys are the throwaway keys that the master holds and D601 admits.
	Keys Keys

	slot slot
	net  network
	lock *os.File
	log  io.Writer
}

// Up removes what an earlier lab left, and returns once systemd, Docker and sshd are up on both hosts and the master can
// reach D601 by `ssh D601`. A tree that is not in the cache is made first, which takes a minute and needs a Debian archive.
// On an error nothing is left running. The context bounds Up alone: the hosts live until [Lab.Close], or until this process dies.
func Up(ctx context.Context, cfg Config) (_ *Lab, err error) {
	if err := possible(); err != nil {
		return nil, err
	}
	cfg, err = cfg.complete()
	if err != nil {
		return nil, err
	}
	lab := &Lab{log: cfg.Log}
	defer func() {
		if err != nil {
			err = errors.Join(err, lab.Close())
		}
	}()
	base, err := lab.settle(ctx, cfg)
	if err != nil {
		return nil, err
	}
	lab.D601 = &Host{Name: lab.slot.d601(), link: lab.slot.linkD601(), bridge: lab.slot.bridge(), log: cfg.Log}
	lab.Master = &Host{Name: lab.slot.master(), link: lab.slot.linkMaster(), bridge: lab.slot.bridge(), log: cfg.Log}
	lab.D601.Addr, lab.Master.Addr = lab.net.d601, lab.net.master
	lab.D601.gateway, lab.Master.gateway = lab.net.outside, lab.net.outside

	for _, host := range lab.hosts() {
		host.disk(cfg.Cache, base)
		if err := host.furnish(ctx, lab.hosts(), cfg.Compose); err != nil {
			return nil, fmt.Errorf("furnish %s: %w", host.Name, err)
		}
	}
	if lab.Keys, err = introduce(ctx, lab.Master, lab.D601); err != nil {
		return nil, fmt.Errorf("let the master into D601: %w", err)
	}
	if err := lab.boot(ctx); err != nil {
		return nil, err
	}
	return lab, nil
}

// settle takes a free place on the machine and lays its link. It returns the hosts' Debian tree. No other lab settles meanwhile: two would
// make the same tree, and choose the same addresses.
func (l *Lab) settle(ctx context.Context, cfg Config) (base string, err error) {
	settling, err := lock(ctx, "settling")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, settling.Close()) }()
	if l.slot, l.lock, err = freeSlot(ctx, cfg.Log); err != nil {
		return "", err
	}
	if base, err = ensureBase(ctx, cfg); err != nil {
		return "", fmt.Errorf("make the hosts' Debian tree: %w", err)
	}
	if l.net, err = newNetwork(ctx, l.slot); err != nil {
		return "", fmt.Errorf("lay the link: %w", err)
	}
	return base, nil
}

// boot starts both at once: most of a boot is waiting.
func (l *Lab) boot(ctx context.Context) error {
	start := time.Now()
	booted := make(chan error, len(l.hosts()))
	for _, host := range l.hosts() {
		go func() { booted <- host.Boot(ctx) }()
	}
	var errs []error
	for range l.hosts() {
		errs = append(errs, <-booted)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	fmt.Fprintf(l.log, "lab: both hosts are up, booted in %s\n", time.Since(start).Round(100*time.Millisecond))
	return nil
}

func (l *Lab) hosts() []*Host { return []*Host{l.D601, l.Master} }

// Close stops both hosts at once, as a power cut would, and removes their disks, the link and the records.
// It may be called twice.
func (l *Lab) Close() error {
	if l.lock == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	var errs []error
	for _, host := range l.hosts() {
		if host != nil {
			errs = append(errs, host.Cut(ctx))
		}
	}
	errs = append(errs, l.slot.clear(ctx), l.lock.Close())
	l.lock = nil
	return errors.Join(errs...)
}

// possible names everything that is missing at once.
func possible() error {
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		return errors.New("the lab's hosts need Linux and root")
	}
	var missing []string
	for _, program := range []string{"systemd-nspawn", "debootstrap", "ip", "tc", "nsenter", "iptables", "ssh-keygen", "bash", "chroot"} {
		if _, err := lookPath(program); err != nil {
			missing = append(missing, program)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("the lab's hosts need %s: run lab/setup.sh hosts", strings.Join(missing, ", "))
	}
	return nil
}
