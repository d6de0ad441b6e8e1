package hosts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Accounts on D601 that the master may log in to. Both are in the group that the agent's socket belongs to.
const (
	ReadOnlyUser = "unidesk-ro"
	DeployUser   = "unidesk-deploy"
	AgentGroup   = "unidesk"
)

// Keys are the two keys that the master's root holds, one for each account on D601.
type Keys struct {
	ReadOnly, Deploy Key
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

// introduce lets the master's root into both accounts of D601, and gives it an ssh configuration as an operator writes
// it: the alias D601 means the deploy account, D601-ro the read-only one, and only the host key that D601 really has
// is accepted.
func introduce(ctx context.Context, master, d601 *Host) (Keys, error) {
	var keys Keys
	var err error
	if keys.Deploy, err = newKey(ctx, master.folder("keys"), DeployUser); err != nil {
		return keys, err
	}
	if keys.ReadOnly, err = newKey(ctx, master.folder("keys"), ReadOnlyUser); err != nil {
		return keys, err
	}
	keys.Deploy.Master, keys.ReadOnly.Master = "/root/.ssh/id_deploy", "/root/.ssh/id_ro"

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

func admit(ctx context.Context, d601 *Host, keys Keys) error {
	if err := d601.inTree(ctx, "groupadd", "--system", AgentGroup); err != nil {
		return err
	}
	for user, key := range map[string]Key{DeployUser: keys.Deploy, ReadOnlyUser: keys.ReadOnly} {
		home := "/home/" + user
		if err := d601.inTree(ctx, "useradd", "--create-home", "--home-dir", home, "--shell", "/bin/sh", "--groups", AgentGroup, user); err != nil {
			return err
		}
		root, err := os.OpenRoot(d601.Root)
		if err != nil {
			return err
		}
		err = errors.Join(
			root.MkdirAll(home[1:]+"/.ssh", 0o700),
			root.WriteFile(home[1:]+"/.ssh/authorized_keys", []byte(key.Public+"\n"), 0o600),
			root.Close())
		if err != nil {
			return err
		}
		if err := d601.inTree(ctx, "chown", "-R", user+":"+user, home+"/.ssh"); err != nil {
			return err
		}
	}
	return nil
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
	for _, key := range []Key{keys.Deploy, keys.ReadOnly} {
		if err := copyInto(root, key.file, strings.TrimPrefix(key.Master, "/"), 0o600); err != nil {
			return err
		}
	}
	alias := func(name, user, key string) string {
		return fmt.Sprintf("Host %s\n  HostName %s\n  HostKeyAlias %s\n  User %s\n  IdentityFile %s\n\n", name, d601.Addr, d601.Name, user, key)
	}
	config := alias("D601", DeployUser, keys.Deploy.Master) + alias("D601-ro", ReadOnlyUser, keys.ReadOnly.Master) +
		"Host *\n  IdentitiesOnly yes\n  StrictHostKeyChecking yes\n  UpdateHostKeys no\n  BatchMode yes\n  ConnectTimeout 10\n"
	return errors.Join(
		root.WriteFile("root/.ssh/config", []byte(config), 0o600),
		root.WriteFile("root/.ssh/known_hosts", []byte(d601.Name+" "+hostKey+"\n"), 0o600))
}
