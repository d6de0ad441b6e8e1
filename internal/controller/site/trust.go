package site

import (
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// Guard refuses files of UniDesk, and its config.json, which names the env file, if an
// account may write them that may not use the engine.
func (c Config) Guard(paths ...string) error {
	config := c.Master.Config
	if !filepath.IsAbs(config) {
		config = filepath.Join(c.Master.Root, config)
	}
	return statefile.Guarded(statefile.Trust{Account: mayUse(c.Master.Docker), By: "let it use the engine's socket"}, append(paths, config)...)
}

// mayUse reports whether an account may use the engine at the address: it is then as
// good as root, and a change that it began is obeyed by root's watch, too. An account in
// the group of the state folder that may not use the engine is not.
func mayUse(address string) func(uid int) bool {
	return func(uid int) bool {
		info, err := os.Stat(strings.TrimPrefix(address, "unix://"))
		if err != nil {
			return false
		}
		socket, mode := info.Sys().(*syscall.Stat_t), info.Mode().Perm()
		switch {
		case uid == int(socket.Uid):
			return mode&0o200 != 0
		case mode&0o002 != 0:
			return true
		case mode&0o020 == 0:
			return false
		}
		account, err := user.LookupId(strconv.Itoa(uid))
		if err != nil {
			return false
		}
		groups, err := account.GroupIds()
		return err == nil && slices.Contains(groups, strconv.Itoa(int(socket.Gid)))
	}
}
