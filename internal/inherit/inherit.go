// Package inherit gives what is made in a state folder the permissions that fit
// the folder. One that several operators share says so by itself: its group may
// write to it and, by its setgid bit, owns what is made in it. There everything is
// made for that group; anywhere else it is as private as its maker asked for. The
// world never gets anything: what is kept here may hold the values of an env file.
package inherit

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

const (
	sharedFolder = fs.ModeSetgid | 0o770
	sharedFile   = 0o660
)

// shared reports whether the folder is one that a group works in.
func shared(dir string) bool {
	info, err := os.Stat(dir)
	return err == nil && info.Mode()&fs.ModeSetgid != 0 && info.Mode()&0o020 != 0
}

// Folder makes a folder and those that lead to it, where they are not there.
func Folder(path string, private fs.FileMode) error {
	if info, err := os.Stat(path); err == nil {
		if !info.IsDir() {
			return &fs.PathError{Op: "mkdir", Path: path, Err: syscall.ENOTDIR}
		}
		return nil
	}
	parent := filepath.Dir(path)
	if err := Folder(parent, private); err != nil {
		return err
	}
	if err := os.Mkdir(path, private); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil // somebody else was faster
		}
		return err
	}
	if !shared(parent) {
		return nil
	}
	if err := os.Chmod(path, sharedFolder); err != nil { // past the umask
		return errors.Join(err, os.Remove(path)) // one that is not shared would keep the others out
	}
	return nil
}

// Mode is the mode of a new file in the folder.
func Mode(dir string, private fs.FileMode) fs.FileMode {
	if shared(dir) {
		return sharedFile
	}
	return private
}

// OpenFile is [os.OpenFile]; a file that it makes has the mode of its folder,
// whatever the umask is.
func OpenFile(path string, flag int, private fs.FileMode) (*os.File, error) {
	f, err := os.OpenFile(path, flag, private)
	if err != nil {
		return nil, err
	}
	if mode := Mode(filepath.Dir(path), private); mode != private {
		_ = f.Chmod(mode) // another operator's file has it already
	}
	return f, nil
}
