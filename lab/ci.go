package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// CI is the producer on D601: it builds the image of a service at a commit from
// a clean clone and pushes it, under the commit, to D601's registry.
type CI struct {
	builder  *Engine
	registry *Registry
	sources  map[string]*Source // by URL
	dir      string
	world    string // goes into a label, by which the lab finds its own images

	// transport leads to the registry; nil is the usual transport.
	transport http.RoundTripper
}

// Summary is what the producer publishes about an artifact.
type Summary struct {
	ServiceID    string `json:"serviceId"`
	SourceRepo   string `json:"sourceRepo"`
	SourceCommit string `json:"sourceCommit"`
	Dockerfile   string `json:"dockerfile"`
	ImageRef     string `json:"imageRef"`
	Tag          string `json:"tag"`
	Digest       string `json:"digest"`
	DigestRef    string `json:"digestRef"`
}

// worldLabel marks every image that a lab has made with that lab's prefix.
const worldLabel = "unidesk.lab.world"

func newCI(ctx context.Context, sample, dir, world string) (*CI, error) {
	c := &CI{dir: dir, world: world, sources: map[string]*Source{}}
	for i, url := range []string{unideskSource, todoNoteSource} {
		s, err := newSource(ctx, url, sample, filepath.Join(dir, fmt.Sprintf("source%d", i)))
		if err != nil {
			return nil, err
		}
		c.sources[url] = s
	}
	return c, os.MkdirAll(c.SummaryDir(), 0o755)
}

// SummaryDir holds a JSON file for each published artifact: SERVICE-COMMIT.json.
func (c *CI) SummaryDir() string { return filepath.Join(c.dir, "summaries") }

// Source is the repository that a service is built from; nil for an unknown service.
func (c *CI) Source(service string) *Source {
	s, _ := serviceByID(service)
	return c.sources[s.source]
}

// Commit makes and pushes a commit in the service's repository.
func (c *CI) Commit(ctx context.Context, service string, change Change) (string, error) {
	source := c.Source(service)
	if source == nil {
		return "", fmt.Errorf("commit: the sample has no service %q", service)
	}
	return source.Commit(ctx, change)
}

// Release commits a change and publishes the service at that commit.
func (c *CI) Release(ctx context.Context, service string, change Change) (Summary, error) {
	commit, err := c.Commit(ctx, service, change)
	if err != nil {
		return Summary{}, err
	}
	return c.Publish(ctx, service, commit)
}

// Publish builds a service at a pushed commit and pushes the image.
func (c *CI) Publish(ctx context.Context, service, commit string) (_ Summary, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("publish %s@%.12s: %w", service, commit, err)
		}
	}()
	source := c.Source(service)
	if source == nil {
		return Summary{}, errors.New("the sample has no such service")
	}
	dir, err := os.MkdirTemp(c.dir, "build-")
	if err != nil {
		return Summary{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	clone := filepath.Join(dir, "clone")
	if err := source.Checkout(ctx, commit, clone); err != nil {
		return Summary{}, err
	}
	if err := c.compile(ctx, clone, commit); err != nil {
		return Summary{}, err
	}
	if err := c.prepareContext(clone); err != nil {
		return Summary{}, err
	}
	ref := c.Ref(service, commit)
	digest, err := c.buildAndPush(ctx, clone, ref, service, commit, source.URL)
	if err != nil {
		return Summary{}, err
	}
	return c.publish(service, source.URL, commit, digest)
}

// Ref is the commit-pinned reference of a service.
func (c *CI) Ref(service, tag string) string {
	return c.registry.Addr + "/unidesk/" + service + ":" + tag
}

// remote is how the registry is reached from here.
func (c *CI) remote(ctx context.Context) []remote.Option {
	options := []remote.Option{remote.WithContext(ctx), remote.WithJobs(2)}
	if c.transport != nil {
		options = append(options, remote.WithTransport(c.transport))
	}
	return options
}

// noCommit stands in a linked service where its commit goes.
const noCommit = "the commit that this program is built of"

// compile puts the service of a clone where its Dockerfile wants it. Most commits
// leave the source as it was and linking takes a third of what publishing does, so
// it is linked once and given each commit afterwards.
func (c *CI) compile(ctx context.Context, clone, commit string) error {
	program, err := c.link(ctx, clone)
	if err != nil {
		return fmt.Errorf("compile: %w", err)
	}
	if len(commit) != len(noCommit) || bytes.Count(program, []byte(noCommit)) != 1 {
		return fmt.Errorf("compile: the service has no place for commit %q", commit)
	}
	place := filepath.Join(clone, "service")
	// The repository has a folder of that name, which the image does not need.
	if err := os.RemoveAll(place); err != nil {
		return fmt.Errorf("compile: %w", err)
	}
	if err := os.WriteFile(place, bytes.Replace(program, []byte(noCommit), []byte(commit), 1), 0o755); err != nil {
		return fmt.Errorf("compile: %w", err)
	}
	return os.Chmod(place, 0o755) // whatever the umask is
}

// link returns the service of a clone, linked now or when its source was last seen.
func (c *CI) link(ctx context.Context, clone string) ([]byte, error) {
	tree, err := git(ctx, "-C", clone, "rev-parse", "HEAD:service")
	if err != nil {
		return nil, err
	}
	linked := filepath.Join(c.dir, "linked-"+strings.TrimSpace(tree))
	program, err := os.ReadFile(linked)
	if !errors.Is(err, os.ErrNotExist) {
		return program, err
	}
	built := filepath.Join(clone, "bin", "service")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -X 'main.commit="+noCommit+"'", "-o", built, "./service")
	cmd.Dir = clone
	// The caller's environment names the build cache; only what would change the result is set.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+runtime.GOARCH, "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	if err := os.Rename(built, linked); err != nil {
		return nil, err
	}
	return os.ReadFile(linked)
}

// prepareContext writes the layers that the commit records.
func (c *CI) prepareContext(clone string) error {
	record, err := os.ReadFile(filepath.Join(clone, "layers.json"))
	if errors.Is(err, os.ErrNotExist) {
		return settle(clone)
	}
	var layers []Layer
	if err == nil {
		err = json.Unmarshal(record, &layers)
	}
	if err != nil {
		return fmt.Errorf("read the commit's layers: %w", err)
	}
	for _, l := range layers {
		if err := l.writeFile(filepath.Join(clone, "layers")); err != nil {
			return err
		}
	}
	return settle(clone)
}

func (c *CI) buildAndPush(ctx context.Context, clone, ref, service, commit, source string) (digest string, err error) {
	if err := c.builder.Build(ctx, clone, "--tag", ref,
		"--build-arg", "SERVICE="+service, "--build-arg", "COMMIT="+commit, "--build-arg", "SOURCE="+source,
		"--label", worldLabel+"="+c.world); err != nil {
		return "", err
	}
	if !c.builder.Private {
		// The engine that runs the services must not have what is to cross to it.
		defer func() { _, _ = c.builder.Docker(context.WithoutCancel(ctx), "rmi", ref) }()
	}
	if _, err := c.builder.Docker(ctx, "push", "--quiet", ref); err != nil {
		return "", err
	}
	// The registry's own word, not the engine's.
	tag, err := name.ParseReference(ref)
	if err != nil {
		return "", err
	}
	head, err := remote.Head(tag, c.remote(ctx)...)
	if err != nil {
		return "", fmt.Errorf("read back what was pushed: %w", err)
	}
	return head.Digest.String(), nil
}

// publish writes the summary of what was pushed.
func (c *CI) publish(service, source, commit, digest string) (Summary, error) {
	ref := c.Ref(service, commit)
	s := Summary{
		ServiceID: service, SourceRepo: source, SourceCommit: commit, Dockerfile: "Dockerfile",
		ImageRef: ref, Tag: commit, Digest: digest, DigestRef: strings.TrimSuffix(ref, ":"+commit) + "@" + digest,
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return s, err
	}
	if err := os.WriteFile(filepath.Join(c.SummaryDir(), service+"-"+commit+".json"), append(b, '\n'), 0o644); err != nil {
		return s, fmt.Errorf("record the summary: %w", err)
	}
	return s, nil
}
