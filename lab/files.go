package lab

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// cacheDir returns the lab's folder of what is worth keeping between runs; the scripts
// use the same.
func cacheDir() (string, error) {
	if dir := os.Getenv("UNIDESK_LAB_CACHE"); dir != "" {
		return dir, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the lab's cache: %w", err)
	}
	return filepath.Join(dir, "unidesk-lab"), nil
}

// ToolsDir is the folder in which lab/tools/build.sh leaves what it builds.
func ToolsDir() (string, error) {
	dir, err := cacheDir()
	return filepath.Join(dir, "bin"), err
}

// lockFolder keeps other labs out of a folder: test packages run side by side.
func lockFolder(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil
}

func copyProgram(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
