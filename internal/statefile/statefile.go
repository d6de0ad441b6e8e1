// Package statefile is the only place that opens, writes, syncs, renames, locks
// and owns files of state: receipts, changes, used grants, layers, locks. What it
// promises of each of them:
//
//   - A link is never followed to a file, and only a regular file is opened. Below a
//     shared folder no link is followed to a folder either, and only what was made
//     here gets another mode.
//   - A file that is there already belongs to this account, to root, to the owner
//     of its folder or, in a shared folder, to the folder's group.
//   - A name that was made, replaced or renamed outlives a power cut.
//   - A disk without room, without free inodes or at its quota is DISK_FULL, with
//     a hint that names the folder.
//
// A folder is shared when its group may write to it and, by its setgid bit, owns
// what is made in it. There everything is made for that group; in any other folder
// it is as private as its maker asks for. The world never gets access: a file of
// state may hold the values of an env file.
package statefile

import (
	"errors"
	"syscall"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Fault returns err as a fault that names what was being done. Its reason is the given
// reason. When the disk is full, it is DISK_FULL with a hint that names the folder.
func Fault(reason fault.Reason, folder, doing string, err error) *fault.Error {
	f := fault.New(reason, "%s: %w", doing, err)
	if !isFull(err) {
		return f
	}
	f.Reason = fault.DiskFull
	return f.WithHint("free space on the filesystem of %[1]s: `df -h %[1]s` shows its bytes, `df -i %[1]s` its inodes", folder)
}

// full returns err, as DISK_FULL when the disk of the folder is full.
func full(folder string, err error) error {
	if !isFull(err) {
		return err
	}
	f := Fault(fault.DiskFull, folder, "", err)
	f.Err = err
	return f
}

// isFull reports whether the disk refuses to store more. A filesystem that has no
// free inodes answers with ENOSPC, too.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
