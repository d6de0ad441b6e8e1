package hosts

import (
	"context"
	"crypto/sha256"
	_ "embed" // base.sh is read at build time, and is part of the tree's key
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

//go:embed base.sh
var baseScript string

// unusedAfter is how long a tree of another key is kept: several checkouts may share a cache.
const unusedAfter = 7 * 24 * time.Hour

// ensureBase returns the tree that hosts start from, making it when no tree of the same key is in
// the cache. The caller holds the machine's lock, so no other process is making it.
func ensureBase(ctx context.Context, cfg Config) (string, error) {
	sum := sha256.Sum256([]byte(strings.Join(append([]string{baseScript, runtime.GOARCH}, cfg.Packages...), "\x00")))
	parent := filepath.Join(cfg.Cache, "hosts")
	tree := filepath.Join(parent, fmt.Sprintf("base-%x", sum[:6]))
	if _, err := os.Stat(tree); err == nil {
		now := time.Now()
		return tree, os.Chtimes(tree, now, now)
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", err
	}
	if err := dropUnused(parent); err != nil {
		return "", err
	}
	fmt.Fprintf(cfg.Log, "lab: making the hosts' Debian tree from %s (about a minute)\n", cfg.Mirror)
	start := time.Now()
	fresh := tree + ".new"
	if err := discardTree(fresh); err != nil {
		return "", err
	}
	log := filepath.Join(parent, "base.log")
	if err := makeTree(ctx, cfg, fresh, log); err != nil {
		return "", fmt.Errorf("%w (its log is %s)", err, log)
	}
	fmt.Fprintf(cfg.Log, "lab: the tree is made, in %s\n", time.Since(start).Round(time.Second))
	return tree, os.Rename(fresh, tree)
}

func makeTree(ctx context.Context, cfg Config, dir, logPath string) error {
	transcript, err := os.Create(logPath)
	if err != nil {
		return err
	}
	defer transcript.Close()
	// bash -c takes the script as a fixed argument; what varies are its parameters.
	cmd := command(ctx, "bash", append([]string{"-c", baseScript, "base.sh", dir, cfg.Mirror}, cfg.Packages...)...)
	cmd.Stdout, cmd.Stderr = transcript, transcript
	if proxy, err := output(command(ctx, "apt-config", "dump", "--no-empty", "--format", "%v%n", "Acquire::http::Proxy")); err == nil {
		if proxy = strings.TrimSpace(proxy); proxy != "" {
			cmd.Env = append(cmd.Env, "http_proxy="+proxy)
		}
	}
	if err := cmd.Run(); err != nil {
		said, _ := os.ReadFile(logPath)
		return fmt.Errorf("base.sh: %w: %s", err, tail(string(said), 1000))
	}
	return nil
}

// dropUnused removes trees that no run has used for a while, and what an interrupted making left.
func dropUnused(parent string) error {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !strings.HasPrefix(entry.Name(), "base-") {
			continue
		}
		if strings.HasSuffix(entry.Name(), ".new") || time.Since(info.ModTime()) > unusedAfter {
			if err := discardTree(filepath.Join(parent, entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// discardTree deletes a folder below which something may still be mounted, and refuses while it is: deleting through a
// mount would delete what is mounted.
func discardTree(dir string) error {
	if err := unmountBelow(dir); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}
