package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
)

// Source is a Git repository made on the spot out of sample/: a working tree in
// which the lab develops, and the bare remote that it pushes to.
type Source struct {
	// URL is what the repository is called: images are labelled with it.
	URL string
	// Remote is the bare repository that stands behind URL.
	Remote string

	work string
	mu   sync.Mutex // a single developer at a time
}

// Change is what a commit changes. Its zero value is a commit that changes nothing.
type Change struct {
	// Behaviour is a constant of sample/service/behaviour.go; "" leaves it as it is.
	Behaviour string
	// Layers are the image's extra layers; nil leaves them as they are.
	Layers []Layer
	// Message is the commit's; "" makes a message.
	Message string
}

// newSource makes the repository, with nothing broken in its first commit.
func newSource(ctx context.Context, url, sample, dir string) (*Source, error) {
	s := &Source{URL: url, Remote: filepath.Join(dir, "remote.git"), work: filepath.Join(dir, "work")}
	if err := os.CopyFS(s.work, os.DirFS(sample)); err != nil {
		return nil, fmt.Errorf("make repository %s: %w", url, err)
	}
	module := "module example.com/" + path.Base(url) + "\n\ngo 1.26\n"
	if err := os.WriteFile(filepath.Join(s.work, "go.mod"), []byte(module), 0o600); err != nil {
		return nil, fmt.Errorf("make repository %s: %w", url, err)
	}
	for _, argv := range [][]string{
		{"init", "--quiet", "--bare", "--initial-branch=master", s.Remote},
		{"init", "--quiet", "--initial-branch=master", s.work},
		{"-C", s.work, "remote", "add", "origin", s.Remote},
	} {
		if _, err := git(ctx, argv...); err != nil {
			return nil, fmt.Errorf("make repository %s: %w", url, err)
		}
	}
	if _, err := s.Commit(ctx, Change{Message: "sample: the first version"}); err != nil {
		return nil, err
	}
	return s, nil
}

// Commit makes a commit, pushes it and returns its full id.
func (s *Source) Commit(ctx context.Context, c Change) (commit string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() {
		if err != nil {
			err = fmt.Errorf("commit to %s: %w", s.URL, err)
		}
	}()
	if c.Behaviour != "" {
		if err := s.setBehaviour(c.Behaviour); err != nil {
			return "", err
		}
	}
	if c.Layers != nil {
		if err := s.setLayers(c.Layers); err != nil {
			return "", err
		}
	}
	if c.Message == "" {
		c.Message = "sample: another version"
	}
	for _, argv := range [][]string{
		{"add", "--all"},
		{"commit", "--quiet", "--allow-empty", "--message", c.Message},
		{"push", "--quiet", "origin", "master"},
	} {
		if _, err := git(ctx, append([]string{"-C", s.work}, argv...)...); err != nil {
			return "", err
		}
	}
	return s.Head(ctx)
}

// Head is the newest commit that was pushed.
func (s *Source) Head(ctx context.Context) (string, error) {
	id, err := git(ctx, "-C", s.Remote, "rev-parse", "refs/heads/master")
	return strings.TrimSpace(id), err
}

func (s *Source) setBehaviour(behaviour string) error {
	return s.rewrite("service/behaviour.go", func(text string) (string, bool) {
		before, _, found := strings.Cut(text, "const behaviour = ")
		return fmt.Sprintf("%sconst behaviour = %q\n", before, behaviour), found
	})
}

const layersMark = "#layers"

// setLayers records the layers in layers.json and gives each a COPY line.
func (s *Source) setLayers(layers []Layer) error {
	record, err := json.MarshalIndent(layers, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.work, "layers.json"), append(record, '\n'), 0o600); err != nil {
		return err
	}
	return s.rewrite("Dockerfile", func(text string) (string, bool) {
		head, rest, found := strings.Cut(text, layersMark)
		mark, rest, _ := strings.Cut(rest, "\n")
		for strings.HasPrefix(rest, "COPY layers/") {
			_, rest, _ = strings.Cut(rest, "\n")
		}
		var lines strings.Builder
		for _, l := range layers {
			fmt.Fprintf(&lines, "COPY layers/%s/data /layer-%s\n", l.Name, l.Name)
		}
		return head + layersMark + mark + "\n" + lines.String() + rest, found
	})
}

func (s *Source) rewrite(name string, change func(string) (string, bool)) error {
	file := filepath.Join(s.work, name)
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	text, found := change(string(b))
	if !found {
		return fmt.Errorf("%s does not have the line that the lab changes", name)
	}
	return os.WriteFile(file, []byte(text), 0o600)
}

// Checkout makes a clean clone of a commit that has been pushed. A commit that
// no branch of the remote holds is refused: nothing is built from a dirty tree.
func (s *Source) Checkout(ctx context.Context, commit, dir string) error {
	// The clone is asked for by the repository's name; only where that leads is the lab's.
	if _, err := git(ctx, "-c", "url."+s.Remote+".insteadOf="+s.URL, "clone", "--quiet", "--no-checkout", s.URL, dir); err != nil {
		return fmt.Errorf("clone %s: %w", s.URL, err)
	}
	branches, err := git(ctx, "-C", dir, "branch", "--remotes", "--contains", commit)
	if err != nil || strings.TrimSpace(branches) == "" {
		return fmt.Errorf("commit %s is on no branch of %s, it was never pushed", commit, s.URL)
	}
	if _, err := git(ctx, "-C", dir, "checkout", "--quiet", "--detach", commit); err != nil {
		return fmt.Errorf("check out %s: %w", commit, err)
	}
	dirty, err := git(ctx, "-C", dir, "status", "--porcelain")
	if err != nil || dirty != "" {
		return fmt.Errorf("clone of %s is not clean: %w%s", commit, err, dirty)
	}
	return nil
}

// git runs git without the user's or the machine's configuration.
func git(ctx context.Context, args ...string) (string, error) {
	env := cleanEnv("GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=UniDesk Lab", "GIT_AUTHOR_EMAIL=lab@example.com",
		"GIT_COMMITTER_NAME=UniDesk Lab", "GIT_COMMITTER_EMAIL=lab@example.com")
	return run(ctx, "", env, append([]string{"git"}, args...)...)
}
