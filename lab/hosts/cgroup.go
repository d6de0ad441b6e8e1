package hosts

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// hierarchy is a mounted cgroup tree: a single tree on a unified machine, a dozen on a
// machine with version 1.
type hierarchy struct {
	dir     string
	unified bool
}

// hierarchies lists the trees that this process sees.
func hierarchies() ([]hierarchy, error) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil, err
	}
	var found []hierarchy
	for scanner := bufio.NewScanner(bytes.NewReader(mounts)); scanner.Scan(); {
		field := strings.Fields(scanner.Text())
		if len(field) >= 3 && (field[2] == "cgroup" || field[2] == "cgroup2") {
			found = append(found, hierarchy{dir: field[1], unified: field[2] == "cgroup2"})
		}
	}
	return found, nil
}

// makeCgroups gives a host a cgroup in each tree. Without a cgroup in systemd's own tree two hosts
// take each other's units for theirs; the others make what runs inside a host stay below its name,
// so that it can be found and removed.
func makeCgroups(name string) ([]string, error) {
	trees, err := hierarchies()
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, tree := range trees {
		dir := filepath.Join(tree.dir, name)
		if tree.unified {
			lendControllers(tree.dir)
		}
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("make a cgroup: %w", err)
		}
		// A new cpuset is empty, and an empty cpuset admits no process.
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			if tree.unified {
				break
			}
			if value, err := os.ReadFile(filepath.Join(tree.dir, file)); err == nil {
				if err := os.WriteFile(filepath.Join(dir, file), value, 0); err != nil {
					return nil, fmt.Errorf("fill a cpuset: %w", err)
				}
			}
		}
		dirs = append(dirs, dir)
	}
	return dirs, nil
}

// lendControllers lets child cgroups of a unified tree have its controllers. It is an offer: if the
// tree's own rules forbid it the host runs without limits, which the lab does not need.
func lendControllers(dir string) {
	available, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return
	}
	for _, controller := range strings.Fields(string(available)) {
		_ = os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+controller), 0)
	}
}

// cgroupsBelow lists a host's cgroups in every tree, the deepest first.
func cgroupsBelow(name string) ([]string, error) {
	trees, err := hierarchies()
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, tree := range trees {
		// A cgroup that goes away while we walk is what we want of it.
		_ = filepath.WalkDir(filepath.Join(tree.dir, name), func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				dirs = append(dirs, path)
			}
			return nil
		})
	}
	slices.SortFunc(dirs, func(a, b string) int { return strings.Count(b, "/") - strings.Count(a, "/") })
	return dirs, nil
}

// killCgroups kills whatever still runs under a host's name. It is how a host is found whose record was lost.
func killCgroups(name string) (alive bool) {
	dirs, err := cgroupsBelow(name)
	if err != nil {
		return false
	}
	for _, dir := range dirs {
		members, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		if err != nil {
			continue
		}
		for _, member := range strings.Fields(string(members)) {
			if pid, err := strconv.Atoi(member); err == nil && pid > 1 && pid != os.Getpid() {
				alive = true
				_ = unix.Kill(pid, unix.SIGKILL)
			}
		}
	}
	return alive
}

// removeCgroups removes a host's empty cgroups.
func removeCgroups(name string) error {
	dirs, err := cgroupsBelow(name)
	if err != nil {
		return err
	}
	var errs []error
	for _, dir := range dirs {
		if err := unix.Rmdir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("remove cgroup %s: %w", dir, err))
		}
	}
	return errors.Join(errs...)
}
