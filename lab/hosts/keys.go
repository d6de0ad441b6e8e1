package hosts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Accounts on D601 that the master may log in to. AdminUser is an administrator's account, with
// sudo that asks for no password; the others may do nothing yet.
const (
	AdminUser    = "ubuntu"
	DeployUser   = "unidesk-deploy"
	ReadOnlyUser = "unidesk-ro"
)

// Keys are the keys that the master's root holds, a key for each account on D601.
type Keys struct {
	Admin, Deploy, ReadOnly Key
}

// way is an account on D601 and how the master's root gets there.
type way struct {
	alias, user string
	key         *Key
}

func (k *Keys) ways() []way {
	return []way{{"D601", DeployUser, &k.Deploy}, {"D601-ro", ReadOnlyUser, &k.ReadOnly}, {"D601-admin", AdminUser, &k.Admin}}
}

// Key is a throwaway SSH key.
type Key struct {
	// Public is its line for an authorized_keys file, before which a test may write options such as restrict,command="…".
	Public string
	// Master is the private key's path on the master.
	Master string

	file string
}

// newKey makes a key in a folder of the machine outside; hosts get copies.
func newKey(ctx context.Context, dir, name string) (Key, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Key{}, err
	}
	file := filepath.Join(dir, name)
	if err := run(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", file); err != nil {
		return Key{}, err
	}
	public, err := os.ReadFile(file + ".pub")
	return Key{Public: strings.TrimSpace(string(public)), file: file}, err
}

// introduce lets the master's root into the accounts of D601, and gives it an ssh configuration as an operator writes it:
// the alias D601 means the deploy account, D601-ro the read-only one, D601-admin the administrator's, and only the host
// key that D601 really has is accepted.
func introduce(ctx context.Context, master, d601 *Host) (keys Keys, err error) {
	for _, w := range keys.ways() {
		if *w.key, err = newKey(ctx, master.folder("keys"), w.user); err != nil {
			return keys, err
		}
		w.key.Master = "/root/.ssh/id_" + w.user
	}
	if err := offline(d601, func() error { return admit(ctx, d601, keys) }); err != nil {
		return keys, fmt.Errorf("make the accounts: %w", err)
	}
	hostKey, err := d601.hostKey()
	if err != nil {
		return keys, err
	}
	if err := offline(master, func() error { return equip(master, d601, hostKey, keys) }); err != nil {
		return keys, fmt.Errorf("write the ssh configuration: %w", err)
	}
	return keys, nil
}

// offline opens a host's file system while the host is off.
func offline(h *Host, do func() error) error {
	if err := h.mount(); err != nil {
		return err
	}
	return errors.Join(do(), unmountBelow(h.dir))
}

func admit(ctx context.Context, d601 *Host, keys Keys) (err error) {
	root, err := os.OpenRoot(d601.Root)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	for _, w := range keys.ways() {
		home := "/home/" + w.user
		if err := d601.inTree(ctx, "useradd", "--create-home", "--home-dir", home, "--shell", "/bin/sh", w.user); err != nil {
			return err
		}
		if err := errors.Join(
			root.MkdirAll(home[1:]+"/.ssh", 0o700),
			root.WriteFile(home[1:]+"/.ssh/authorized_keys", []byte(w.key.Public+"\n"), 0o600),
		); err != nil {
			return err
		}
		if err := d601.inTree(ctx, "chown", "-R", w.user+":"+w.user, home+"/.ssh"); err != nil {
			return err
		}
	}
	return root.WriteFile("etc/sudoers.d/"+AdminUser, []byte(AdminUser+" ALL=(ALL) NOPASSWD: ALL\n"), 0o440)
}

func equip(master, d601 *Host, hostKey string, keys Keys) (err error) {
	root, err := os.OpenRoot(master.Root)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	if err := root.MkdirAll("root/.ssh", 0o700); err != nil {
		return err
	}
	var config strings.Builder
	for _, w := range keys.ways() {
		if err := copyInto(root, w.key.file, strings.TrimPrefix(w.key.Master, "/"), 0o600); err != nil {
			return err
		}
		fmt.Fprintf(&config, "Host %s\n  HostName %s\n  HostKeyAlias %s\n  User %s\n  IdentityFile %s\n\n",
			w.alias, d601.Addr, d601.Name, w.user, w.key.Master)
	}
	config.WriteString("Host *\n  IdentitiesOnly yes\n  StrictHostKeyChecking yes\n  UpdateHostKeys no\n  BatchMode yes\n  ConnectTimeout 10\n")
	return errors.Join(
		root.WriteFile("root/.ssh/config", []byte(config.String()), 0o600),
		root.WriteFile("root/.ssh/known_hosts", []byte(d601.Name+" "+hostKey+"\n"), 0o600))
}
