package hosts

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// stateDir holds the machine's locks and a record for each host that has disks. It is not in the cache: two labs with two
// caches would still fight for the same interfaces.
const stateDir = "/run/unidesk-lab"

// record is what finds a host again after the process that started it was killed.
type record struct {
	// Nspawn is the process outside that holds the host, and Leader the host's systemd; absent while the host is off.
	Nspawn process `json:"nspawn,omitzero"`
	Leader process `json:"leader,omitzero"`
	// Dir is the host's folder.
	Dir string `json:"dir"`
}

// process is a PID and what distinguishes it from a later process with the same number.
type process struct {
	PID   int    `json:"pid"`
	Start string `json:"start"`
}

func recordPath(name string) string { return filepath.Join(stateDir, name+".json") }

func writeRecord(name string, r record) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return os.WriteFile(recordPath(name), data, 0o600)
}

// readRecord returns a zero record when there is none, or none that makes sense: clean-up goes on by names then.
func readRecord(name string) record {
	var r record
	if data, err := os.ReadFile(recordPath(name)); err == nil && json.Unmarshal(data, &r) != nil {
		return record{}
	}
	return r
}

func describe(pid int) process { return process{PID: pid, Start: startTime(pid)} }

func (p process) alive() bool { return p.PID > 1 && p.Start != "" && startTime(p.PID) == p.Start }

// startTime is field 22 of proc(5)'s stat, and empty when there is no such process or only its exit status is left.
func startTime(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The name before the state may hold blanks and parentheses of its own.
	field := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(field) < 20 || field[0] == "Z" || field[0] == "X" {
		return ""
	}
	return field[19]
}

// killRecorded kills a host by its systemd, with which its whole PID namespace ends; nspawn then ends by itself. Killing
// nspawn would leave the host running, so before the host's systemd is known it is asked instead: the signal that it
// passes on is set to KILL.
func killRecorded(name string) (alive bool) {
	r := readRecord(name)
	if r.Leader.alive() {
		_ = unix.Kill(r.Leader.PID, unix.SIGKILL)
	} else if r.Nspawn.alive() {
		_ = unix.Kill(r.Nspawn.PID, unix.SIGTERM)
	}
	return r.Leader.alive() || r.Nspawn.alive()
}

// stopRemains ends what still runs in a host, and removes its mounts and its cgroups.
func stopRemains(ctx context.Context, name, dir string) error {
	const patience = 100 // times 100 ms: killed processes of a busy machine take a moment to go
	for attempt := 0; ; attempt++ {
		alive := killRecorded(name)
		if !alive {
			// What is left of a host whose record was lost, or that nspawn had not yet handed over.
			alive = killCgroups(name)
		}
		if !alive {
			err := errors.Join(unmountBelow(dir), removeCgroups(name))
			if err == nil {
				return nil
			}
			if attempt >= patience {
				return fmt.Errorf("take %s apart: %w", name, err)
			}
		}
		if attempt >= patience {
			return fmt.Errorf("processes of %s do not end", name)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// clear removes every trace of the slot's lab, whether this process made it or a process that was killed.
func (s slot) clear(ctx context.Context) error {
	var errs []error
	for _, name := range []string{s.d601(), s.master()} {
		dir := readRecord(name).Dir
		if err := stopRemains(ctx, name, dir); err != nil {
			errs = append(errs, err)
			continue
		}
		// The record is a file that any person with root may have edited: only a folder
		// that is a host's is deleted.
		if filepath.IsAbs(dir) && strings.HasSuffix(dir, filepath.Join("hosts", "run", name)) {
			if err := discardTree(dir); err != nil {
				errs = append(errs, err)
				continue
			}
		}
		if err := os.Remove(recordPath(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, s.removeNetwork(ctx))...)
}

// unmountBelow unmounts dir and all below it, the last mounted first.
func unmountBelow(dir string) error {
	if dir == "" {
		return nil
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	var points []string
	for scanner := bufio.NewScanner(bytes.NewReader(mounts)); scanner.Scan(); {
		field := strings.Fields(scanner.Text())
		if len(field) < 2 {
			continue
		}
		// proc(5): blanks in a path are written in octal.
		point := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\134`, `\`).Replace(field[1])
		if point == dir || strings.HasPrefix(point, dir+"/") {
			points = append(points, point)
		}
	}
	slices.Reverse(points)
	for _, point := range points {
		if err := unix.Unmount(point, 0); err != nil {
			return fmt.Errorf("unmount %s: %w", point, err)
		}
	}
	return nil
}
