package agent

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/url"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/confirm"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/cri"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/kube"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/rights"
	"github.com/pikasTech/unidesk-artifact-cd/internal/pull"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

const (
	// renewPause is how often the age of the token is looked at.
	renewPause = 10 * time.Minute
	// rightsAge is how old an answer about the account's rights may be.
	rightsAge = 5 * time.Minute
	// rightsTime bounds the questions about them: a question for each right.
	rightsTime = time.Minute
	// rolloutPatience is more than the ten minutes that a rollout may make no progress by
	// default, and less than a settlement may take.
	rolloutPatience = 12 * time.Minute
)

// cluster is this host's Kubernetes, and the workloads that are placed there.
type cluster struct {
	specs    []workload.Spec
	registry string // host and port
	admin    bool   // an account that may do everything is let in
	log      *slog.Logger

	kube   *kube.Cluster
	images *cri.Store
	target workload.Target
	watch  func(context.Context, *slog.Logger)

	asking singleflight.Group
	mu     sync.Mutex
	may    leave // the last answer
}

// leave is an answer about what the account may do.
type leave struct {
	kube.Access
	err error
	at  time.Time // zero: not asked yet
}

func (l leave) good(age time.Duration) bool {
	return l.err == nil && !l.at.IsZero() && time.Since(l.at) < age
}

// newCluster puts the cluster's target together; nothing is asked of it yet.
func newCluster(c Config, images *pull.Registry, log *slog.Logger) (*cluster, error) {
	k := c.Kubernetes
	specs, err := k.specs()
	if err != nil {
		return nil, fault.New(fault.ConfigInvalid, "%w", err)
	}
	registry, err := url.Parse(c.Registry)
	if err != nil {
		return nil, fault.New(fault.ConfigInvalid, "registry: %w", err)
	}
	out := &cluster{specs: specs, registry: registry.Host, admin: k.AllowAdmin, log: log}
	if out.images, err = cri.New(k.Containerd, registry.Host); err != nil {
		return nil, err
	}
	if out.kube, err = kube.New(kube.Config{Server: k.Server, CAFile: k.CA, TokenFile: k.Token, Kubeconfig: k.Kubeconfig}); err != nil {
		return nil, errors.Join(err, out.images.Close())
	}
	r, err := k3s.New(k3s.Config{Workloads: specs, Platform: artifact.Platform{OS: runtime.GOOS, Architecture: runtime.GOARCH}, Placing: placing},
		out.images, out.kube, images)
	if err != nil {
		out.close()
		return nil, err
	}
	target := confirm.New(r, filepath.Join(c.State, "changes", "kubernetes"))
	target.Lease, target.Patience = confirm.Lease, rolloutPatience
	out.target, out.watch = let{target, out.allowed}, target.Watch
	return out, nil
}

// unservedCluster returns why the cluster is not served, with a reason that crosses the wire.
func unservedCluster(err error) error {
	hint := cmp.Or(fault.HintOf(err), "on the agent's host, as root: fix it in /etc/unidesk/agent.yaml")
	return fault.New(fault.KubernetesUnavailable, "%w", err).WithHint("%s\nif no cluster is there, take the section kubernetes out of /etc/unidesk/agent.yaml\n"+
		"then, as root there: systemctl restart unidesk-agent", hint)
}

// troubled returns an error and its hint in a line.
func troubled(err error) string {
	if hint := fault.HintOf(err); hint != "" {
		return err.Error() + "; " + strings.ReplaceAll(hint, "\n", "; ")
	}
	return err.Error()
}

func (c *cluster) close() {
	c.kube.Close()
	_ = c.images.Close()
}

// has reports whether the workload is placed.
func (c *cluster) has(ref workload.Ref) bool {
	return slices.ContainsFunc(c.specs, func(s workload.Spec) bool { return s.Ref == ref })
}

// let is a target that changes nothing unless allowed returns no error.
type let struct {
	workload.Target
	allowed func(context.Context) error
}

// Stage implements [workload.Target].
func (l let) Stage(ctx context.Context, ref workload.Ref, image artifact.Pinned, emit func(workload.Event)) error {
	if err := l.allowed(ctx); err != nil {
		return err
	}
	return l.Target.Stage(ctx, ref, image, emit)
}

// Switch implements [workload.Target].
func (l let) Switch(ctx context.Context, change workload.Change, emit func(workload.Event)) error {
	if err := l.allowed(ctx); err != nil {
		return err
	}
	return l.Target.Switch(ctx, change, emit)
}

// allowed refuses an account that may do everything in the cluster, and an account
// whose rights the API server does not report.
func (c *cluster) allowed(ctx context.Context) error {
	if c.admin {
		return nil
	}
	r := c.ask(ctx)
	if r.err != nil {
		return r.err
	}
	if slices.ContainsFunc(r.Excess, rights.Right.Everything) {
		return fault.New(fault.RoleMissing, "the agent's account in the cluster, %s, may do everything there", r.Account).
			WithHint("on the agent's host, as root: give it the account that `unidesk-controller host placement HOST --rbac` describes, or say allowAdmin: true under kubernetes in agent.yaml")
	}
	return nil
}

// ask returns what the account may do; it uses the last answer again if that is young enough.
// An answer takes many questions, so all callers share them, and they go on for the next
// caller when ctx ends.
func (c *cluster) ask(ctx context.Context) leave {
	if r := c.last(); r.good(rightsAge) {
		return r
	}
	answer := c.asking.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rightsTime)
		defer cancel()
		access, err := c.kube.Access(ctx, c.needed())
		c.mu.Lock()
		defer c.mu.Unlock()
		c.may = leave{access, err, time.Now()}
		return nil, nil
	})
	select {
	case <-answer:
		return c.last()
	case <-ctx.Done():
		return leave{err: context.Cause(ctx)}
	}
}

func (c *cluster) last() leave {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.may
}

// needed are the rights of all workloads, each once.
func (c *cluster) needed() (all []rights.Right) {
	for _, spec := range c.specs {
		all = append(all, rights.Needed(spec)...)
	}
	slices.SortFunc(all, rights.Compare)
	return slices.Compact(all)
}

// run works without a request, until ctx ends: it reverts changes that no controller
// settles and renews the token.
func (c *cluster) run(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { c.watch(ctx, c.log) })
	all.Go(func() { c.ask(ctx) })
	tick := time.NewTicker(renewPause)
	defer tick.Stop()
	for {
		switch renewed, err := c.kube.RenewToken(ctx, time.Now()); {
		case err != nil && ctx.Err() == nil:
			c.log.Warn("the cluster's token cannot be renewed", slog.Any("err", err), slog.String("hint", fault.HintOf(err)))
		case renewed:
			c.log.Info("the cluster's token is renewed")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// imageDir returns the folder of the images, "" if the runtime does not answer in time.
func (c *cluster) imageDir(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, engineWait)
	defer cancel()
	room, err := c.images.Room(ctx)
	if err != nil {
		return ""
	}
	return room.Dir
}

// describe returns the report on the cluster for a controller. It leaves out what does
// not answer in time, and names it.
func (c *cluster) describe(ctx context.Context) *rpc.Cluster {
	ctx, cancel := context.WithTimeout(ctx, engineWait)
	defer cancel()
	out := &rpc.Cluster{}
	var version string
	var unversioned, unrun error
	var r leave
	var all sync.WaitGroup
	all.Go(func() { version, unversioned = c.kube.Version(ctx) })
	all.Go(func() {
		v, err := c.images.Version(ctx)
		if unrun = err; err == nil {
			out.Runtime = v.Name + " " + v.Version
		}
	})
	all.Go(func() { r = c.ask(ctx) })
	all.Wait()
	out.Version, out.Account = version, r.Account
	if t, ok, err := c.kube.Token(); err == nil && ok {
		out.TokenExpires = t.Expires
	}
	for _, x := range r.Missing {
		out.Missing = append(out.Missing, x.String())
	}
	for _, x := range r.Excess {
		out.Excess = append(out.Excess, x.String())
	}
	if err := cmp.Or(unversioned, unrun, r.err); err != nil {
		out.Trouble = troubled(err)
	}
	if mirrors, err := cri.Mirrors(cri.RegistriesFile, c.registry); err == nil {
		out.Mirrors = mirrors
	}
	return out
}
