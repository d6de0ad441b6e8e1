package store

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// walk returns the newest releases of each repository. Its error is the registry's. A
// repository that cannot be listed though the registry is there is passed over.
func (k *Keeper) walk(ctx context.Context) (map[artifact.Repository][]release, error) {
	all, err := k.registry.Repositories(ctx)
	if err != nil {
		return nil, err
	}
	k.walks++
	all = slices.DeleteFunc(all, func(r artifact.Repository) bool { return !matches(k.repositories, r) })
	maps.DeleteFunc(k.known, func(r artifact.Repository, _ map[artifact.Commit]release) bool { return !slices.Contains(all, r) })
	newest, count := map[artifact.Repository][]release{}, 0
	for _, repo := range all {
		commits, err := k.registry.Commits(ctx, repo)
		if err == nil && count+len(commits) > maxCommits {
			err = fault.New(fault.InvalidRequest, "%d commits are more than are looked at", len(commits))
		}
		if ctx.Err() != nil || fault.Retryable(err) {
			return nil, fmt.Errorf("list %s: %w", repo, err)
		}
		if err != nil {
			k.log.Debug("a repository has no layers to copy", slog.String("repository", repo.String()), slog.Any("err", err))
			continue
		}
		count += len(commits)
		list, err := k.releases(ctx, repo, commits)
		if err != nil {
			return nil, err
		}
		known := make(map[artifact.Commit]release, len(list))
		for i, r := range list {
			if i >= releases {
				r.layers = nil // read again if it gets among the newest
			}
			known[r.commit] = r
		}
		k.known[repo], newest[repo] = known, list[:min(releases, len(list))]
	}
	return newest, nil
}

// releases returns what there is to know of the commits, the newest first; those without an image have no
// layers. It asks for what it does not know, and for the layers of the newest.
func (k *Keeper) releases(ctx context.Context, repo artifact.Repository, commits []artifact.Commit) ([]release, error) {
	list := make([]release, 0, len(commits))
	for _, c := range commits {
		r, ok := k.known[repo][c]
		if !ok || !r.again.IsZero() && k.now().After(r.again) {
			var err error
			if r, err = k.ask(ctx, repo, c, k.walks); err != nil {
				return nil, err
			}
		}
		list = append(list, r)
	}
	slices.SortFunc(list, newer)
	for i := range list[:min(releases, len(list))] {
		if r := list[i]; r.layers == nil && r.again.IsZero() {
			var err error
			if list[i], err = k.ask(ctx, repo, r.commit, r.seen); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

// ask reads a commit's image. An image that is broken is no error: it is asked for again
// later.
func (k *Keeper) ask(ctx context.Context, repo artifact.Repository, c artifact.Commit, seen int) (release, error) {
	if !k.wait(ctx, breath) {
		return release{}, context.Cause(ctx)
	}
	img, built, err := k.registry.Built(ctx, repo, c, k.platform)
	switch {
	case err == nil:
		return release{commit: c, built: built, seen: seen, layers: img.Layers}, nil
	case ctx.Err() != nil, fault.Retryable(err):
		return release{}, fmt.Errorf("%s at %s: %w", repo, c.Short(), err)
	}
	k.log.Debug("an image has no layers to copy", slog.String("repository", repo.String()), slog.String("commit", c.String()), slog.Any("err", err))
	return release{commit: c, seen: seen, again: k.now().Add(anHour)}, nil
}
