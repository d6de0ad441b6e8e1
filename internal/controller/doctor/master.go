package doctor

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/compose"
	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/envfile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/grant"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/trace"
	"github.com/pikasTech/unidesk-artifact-cd/internal/unidesk"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// examineMaster reads what there is on this machine; the judging is elsewhere.
func examineMaster(ctx context.Context, c site.Config, services *catalog.Catalog) []Finding {
	rows := site.RowsIn(services)
	docker, engineErr := engine.New(c.Master.Docker)
	var info engine.Info
	if engineErr == nil {
		defer func() { _ = docker.Close() }()
		asking, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		info, engineErr = docker.Info(asking)
	}
	all := inGroup("UniDesk", examineUniDesk(ctx, c, rows)...)
	here := []Finding{judgeEngine(info, engineErr)}
	if engineErr == nil {
		here = append(here, judgeEngineDisk(info.RootDir, diskOf(info.RootDir)))
		here = append(here, holders(ctx, c, docker, rows)...)
	}
	here = append(here, judgeState(stateOf(c.State)))
	here = append(here, judgeRuns(journal.Open(c.RunsDir()).Going(ledger.Open(c.LedgerDir())), time.Now())...)
	here = append(here, leftovers(c), judgeWatch(site.WatchHeld(c)))
	if path := c.Metrics.Textfile; path != "" {
		written, err := lastWritten(path)
		here = append(here, judgeTextfile(path, written, err, time.Now()))
	}
	spool := filepath.Join(c.State, "spool")
	here = append(here, judgeSpool(spool, c.SpoolQuota, weight(spool), diskOf(spool)))
	var overSSH []string
	for _, name := range slices.Sorted(maps.Keys(c.Hosts)) {
		if c.Hosts[name].SSH != nil {
			overSSH = append(overSSH, name)
		}
	}
	ssh, err := exec.LookPath("ssh")
	if err != nil {
		ssh = ""
	}
	here = append(here, judgeSSH(overSSH, ssh)...)
	here = append(here, judgeSigners(rows, c.AllowedSigners, grant.CheckSigners(c.AllowedSigners))...)
	here = append(here, judgeSummaries(rows, summariesIn(c.Summaries))...)
	here = append(here, examineSources(ctx, c, rows)...)
	return append(all, inGroup(catalog.Master, here...)...)
}

// examineUniDesk looks at the canonical folder and what it leads to.
func examineUniDesk(ctx context.Context, c site.Config, rows []catalog.Row) []Finding {
	var files []file
	var paths []string
	for _, name := range c.Master.ComposeFiles {
		paths = append(paths, below(c.Master.Root, name))
		files = append(files, fileAt(below(c.Master.Root, name)))
	}
	root := fileAt(c.Master.Root)
	list := []Finding{judgeComposeFiles(root, files)}
	project := compose.Config{Guard: c.Guard, Root: c.Master.Root, Project: c.Master.Project, Files: c.Master.ComposeFiles, DockerHost: c.Master.Docker}
	list = append(list, judgeUnread("Compose files by hand", "controller.yaml (master.composeFiles)", project.Unread())...)
	if root.err != nil || !root.mode.IsDir() {
		return append(list, unlooked("Compose"), unlooked("config.json"))
	}
	envFile, err := unidesk.EnvFile(c.Master.Root, c.Master.Config)
	config := fileAt(below(c.Master.Root, c.Master.Config))
	if err != nil && config.err == nil {
		config.err = err
	}
	list = append(list, judgePrivate("config.json", config, "put UniDesk's config.json there, or name it in controller.yaml (master.config)"))
	version, composeErr := compose.Version(ctx)
	v1 := ""
	if composeErr != nil {
		v1 = legacyCompose(ctx)
	}
	list = append(list, judgeCompose(version, composeErr, v1))
	if err != nil {
		return list
	}
	list = append(list, judgeGuarded(c.Guard(append(paths, envFile)...)))
	content, err := envfile.Load(envFile)
	env := fileAt(envFile)
	if err != nil && env.err == nil {
		env.err = err
	}
	list = append(list, judgeEnvFile(env, err, envfile.Writable(envFile)))
	if err != nil {
		return list
	}
	list = append(list, judgeSecrets(envFile, rows, content.Presence)...)
	if composeErr == nil {
		project.EnvFile = envFile
		list = append(list, judgeProject(c.Master.Project, version, compose.Check(ctx, project)))
	}
	return list
}

func below(root, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(root, name)
}

// lastWritten returns when a file was last written.
func lastWritten(path string) (time.Time, error) {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}, errors.Unwrap(err)
	}
	return info.ModTime(), nil
}

// fileAt looks at a file, through links, and whether it could be opened.
func fileAt(path string) file {
	f := file{path: path}
	info, err := os.Stat(path)
	if err == nil {
		f.mode, err = info.Mode(), unix.Access(path, unix.R_OK)
	}
	if err != nil {
		var p *fs.PathError
		if !errors.As(err, &p) {
			err = &fs.PathError{Op: "read", Path: path, Err: err}
		}
		unread := fault.New(fault.ConfigInvalid, "%w", err)
		if info != nil { // it is there
			st := info.Sys().(*syscall.Stat_t)
			unread = unread.WithHint("it belongs to uid %d, gid %d and has mode %04o: run as an account that may read it, or let this account read it (chgrp, chmod g+r)",
				st.Uid, st.Gid, info.Mode().Perm())
		}
		f.err = unread
	}
	return f
}

// legacyCompose returns the version that a docker-compose program prints, "" for none.
func legacyCompose(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker-compose", "version", "--short")
	cmd.WaitDelay = time.Second
	ended := trace.Program(ctx, cmd.Args...)
	out, err := cmd.Output()
	ended(err)
	if err != nil || len(out) > 64 {
		return ""
	}
	return strings.TrimPrefix(strings.TrimSpace(string(out)), "v")
}

// stateOf looks at the state folder and the folders in it.
func stateOf(dir string) stateFacts {
	s := stateFacts{dir: dir}
	look := []string{statefile.Existing(dir)}
	if info, err := os.Stat(dir); err == nil {
		s.exists, s.mode = true, info.Mode()
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if e.IsDir() {
				look = append(look, filepath.Join(dir, e.Name()))
			}
		}
	}
	for _, folder := range look {
		if unix.Access(folder, unix.W_OK|unix.X_OK) != nil {
			s.closed = append(s.closed, folder)
		}
	}
	if len(s.closed) > 0 {
		s.admission = statefile.Admission(s.closed[0])
	}
	return s
}

func leftovers(c site.Config) Finding {
	changes, err := confirm.Unsettled(c.ChangesDir())
	books := ledger.Open(c.LedgerDir())
	receipts, receiptsErr := books.Pending()
	receipts = slices.DeleteFunc(receipts, func(r ledger.Receipt) bool { return books.Alive(r.Service) })
	dead := site.Dead(books, changes)
	return judgeLeftovers(dead, receipts, errors.Join(err, receiptsErr), site.RecoverAs(c, dead))
}

// holders looks for containers that hold an image for a change that is over.
func holders(ctx context.Context, c site.Config, docker *engine.Client, rows []catalog.Row) (list []Finding) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	changes, _ := confirm.Unsettled(c.ChangesDir()) // leftovers reports it
	for _, row := range rowsOn(catalog.Master, rows) {
		if row.runtime() != workload.Compose {
			continue
		}
		name := compose.Holder(row.Spec(row.env, c.Master.Project))
		change, err := docker.Holding(ctx, name)
		pending := slices.ContainsFunc(changes, func(p workload.Pending) bool { return p.Change.ID == change })
		if err == nil && change != "" && !pending {
			list = append(list, judgeHolder(serviceFacts{service: row.Service.String(), env: row.env}.check(), &workload.Holder{Name: name, Change: change})...)
		}
	}
	return list
}

// summariesIn reads all of the folder; "" is none.
func summariesIn(dir string) summaries {
	s := summaries{dir: dir}
	if dir != "" {
		s.good, s.bad, s.err = provenance.Survey(dir)
	}
	return s
}

func diskOf(dir string) disk {
	dir = statefile.Existing(dir)
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return disk{err: &fs.PathError{Op: "ask how much room is in", Path: dir, Err: err}}
	}
	return disk{free: int64(st.Bavail) * st.Bsize}
}

// weight is what the files right in a folder hold together.
func weight(dir string) (sum int64) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			sum += info.Size()
		}
	}
	return sum
}
