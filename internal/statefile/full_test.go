package statefile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// mount mounts a small filesystem in memory.
func mount(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("NOT TESTED, a full disk: a tmpfs cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// isFull fails the test unless err is the fault of a full disk that holds the folder.
func isFull(t *testing.T, doing, dir string, err error) {
	t.Helper()
	if fault.ReasonOf(err) != fault.DiskFull || !strings.Contains(fault.HintOf(err), "df -h "+dir) || !errors.Is(err, unix.ENOSPC) {
		t.Errorf("%s: %v (%s; %q)", doing, err, fault.ReasonOf(err), fault.HintOf(err))
	}
}

func TestAFullDiskIsNamed(t *testing.T) {
	t.Parallel()
	dir := mount(t, "size=64k")
	file := filepath.Join(dir, "receipt")
	must(t, statefile.Replace(file, []byte("whole"), 0o600))
	more := make([]byte, 128<<10)
	isFull(t, "replace", dir, statefile.Replace(file, more, 0o600))
	content(t, file, "whole")
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("it leaves %v (%v)", left, err)
	}
	isFull(t, "create", dir, statefile.Create(filepath.Join(dir, "used"), more, 0o600))
	f, err := statefile.Open(filepath.Join(dir, "layer"), os.O_WRONLY|os.O_CREATE, 0o600)
	must(t, err)
	_, err = f.Write(more)
	isFull(t, "write by the caller", dir, statefile.Fault(fault.Internal, dir, "write layer", err))
	must(t, f.Close())
}

func TestADiskWithoutInodesIsFull(t *testing.T) {
	t.Parallel()
	dir := mount(t, "nr_inodes=3")
	file := filepath.Join(dir, "receipt")
	must(t, os.Mkdir(filepath.Join(dir, "a"), 0o700), os.WriteFile(file, nil, 0o600))
	_, opened := statefile.Open(filepath.Join(dir, "layer"), os.O_WRONLY|os.O_CREATE, 0o600)
	_, locked := statefile.OpenLock(filepath.Join(dir, "lock"), 0o600)
	for doing, err := range map[string]error{
		"replace":     statefile.Replace(file, nil, 0o600),
		"create":      statefile.Create(filepath.Join(dir, "used"), nil, 0o600),
		"open":        opened,
		"lock":        locked,
		"make folder": statefile.Folder(filepath.Join(dir, "ledger", "prod"), 0o700),
	} {
		isFull(t, doing, dir, err)
	}
}

func TestAReachedQuotaIsAFullDisk(t *testing.T) {
	t.Parallel()
	over := &os.PathError{Op: "write", Path: "/state/receipt", Err: unix.EDQUOT}
	err := statefile.Fault(fault.Internal, "/state", "record", fmt.Errorf("layer: %w", over))
	if err.Reason != fault.DiskFull || !strings.Contains(err.Hint, "/state") || err.Error() != "record: layer: "+over.Error() {
		t.Errorf("it is %s, %v (%q)", err.Reason, err, err.Hint)
	}
	if err := statefile.Fault(fault.Internal, "/state", "record", os.ErrPermission); err.Reason != fault.Internal || err.Hint != "" {
		t.Errorf("another error is %s (%q)", err.Reason, err.Hint)
	}
}
