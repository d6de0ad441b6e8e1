package registry

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

const (
	// answerWithin is how long a registry that was started may take to answer.
	answerWithin = 30 * time.Second
	askEvery     = 250 * time.Millisecond
)

// Install makes the registry what the settings say. Each step is passed to emit when it
// is done; what is so already is left alone.
//
// It refuses before anything is written: settings that do not hold, files other than
// the expected, a host without engine or systemd, a masked unit, a path that is no
// regular file, a port that another program has. When a step after the first write
// fails, files, enablement and what ran are put back, and the error reports it. Folders
// that were made and an image that was pulled stay.
func Install(ctx context.Context, host Host, s Settings, expected Hashes, emit func(Progress)) (Installed, error) {
	if err := s.Validate(); err != nil {
		return Installed{}, err
	}
	i := &installation{host: host, settings: s, expected: expected}
	changes := 0
	for _, one := range steps(s) {
		p, err := Progress{}, context.Cause(ctx)
		if err == nil {
			p, err = one.do(i, ctx)
		}
		if err != nil {
			return Installed{}, i.failed(ctx, one.Planned, err, emit)
		}
		p.Step, p.Target = one.Step, one.Target
		if p.Changed {
			changes++
		}
		emit(p)
	}
	return Installed{Changes: changes, Facts: i.after}, nil
}

// installation is an installation under way, and what must be undone if it fails.
type installation struct {
	host     Host
	settings Settings
	expected Hashes

	before, after Facts
	runs          bool // the runtime was as it should be

	written   []replaced // in the order of writing
	unit      bool       // the unit's file is among them
	reloaded  bool       // systemd was asked to read its units
	enabled   bool       // it was asked to enable the unit, which was not
	restarted bool       // it was asked to start it
}

// replaced is a file that was written over.
type replaced struct {
	path string
	old  []byte // nil: there was none
	kept string // where old was copied to by this installation, "" for nowhere
}

func (i *installation) check(ctx context.Context) (Progress, error) {
	for _, f := range Render(i.settings) {
		if i.expected[f.Name] != f.Hash() {
			return Progress{}, fault.New(fault.RenderMismatch, "%s would be %s here, and %s is expected", f.Path, f.Hash(), cmp.Or(i.expected[f.Name].String(), "none")).
				WithHint("controller and agent render differently: bring both to the same version")
		}
	}
	facts, err := i.host.Inspect(ctx, i.settings)
	if err != nil {
		return Progress{}, err
	}
	i.before = facts
	if err := i.allowed(facts); err != nil {
		return Progress{}, err
	}
	judged := Judge(i.settings, facts)
	i.runs = judged.RuntimeAPIHealthy && !facts.stale() && judged.holds("unit-exists", "unit-active", string(ScopeStorage), string(ScopeImage))
	return Progress{}, nil
}

// allowed refuses a host that an installation cannot or must not change.
func (i *installation) allowed(f Facts) error {
	why := strings.Join(f.Unread, "; ")
	switch {
	case f.Engine == nil:
		return fault.Transient(fault.EngineUnavailable, "no container engine answers: %s", cmp.Or(why, "none")).WithHint("on the host, as root: systemctl start docker")
	case f.Unit == nil:
		return fault.New(fault.UnitFailed, "systemd does not answer: %s", cmp.Or(why, "none")).WithHint("the registry needs systemd: `systemctl is-system-running` on the host shows its state")
	case f.Unit.masked():
		return fault.New(fault.UnitFailed, "%s is masked", Unit).WithHint("somebody meant that; to revert it, on the host, as root: systemctl unmask %s", Unit)
	}
	for _, name := range FileNames() {
		switch file := f.Files[name]; file.State {
		case Regular, Absent:
		case Other:
			return fault.New(fault.PathRefused, "%s is a link or no file, and is not replaced", i.settings.PathOf(name)).
				WithHint("look at what it is; move it away by hand if it is not wanted")
		default:
			return fault.New(fault.PathRefused, "%s could not be read: %s", i.settings.PathOf(name), cmp.Or(why, "none"))
		}
	}
	var published []netip.AddrPort
	if f.Container != nil {
		published = f.Container.Published
	}
	for _, l := range f.Listeners {
		if !contains(published, l) {
			return fault.New(fault.PortInUse, "%s is listened on by something that is not the registry", l).
				WithHint("on the host, as root: ss -ltnp sport = :%d tells which process; stop it, or set another registry.endpoint", l.Port())
		}
	}
	return nil
}

func (i *installation) haveImage(ctx context.Context) (p Progress, err error) {
	p.Changed, err = i.host.HaveImage(ctx, i.settings.Image)
	return p, err
}

func (i *installation) makeFolder(ctx context.Context, dir string) (p Progress, err error) {
	p.Changed, err = i.host.MakeFolder(ctx, dir)
	return p, err
}

func (i *installation) writeFile(ctx context.Context, f File) (Progress, error) {
	old, err := i.host.ReadFile(ctx, f.Path)
	if err != nil || old != nil && artifact.DigestOf(old) == f.Hash() {
		return Progress{}, err
	}
	r := replaced{path: f.Path, old: old}
	p := Progress{Changed: true}
	if old != nil {
		p.Kept = f.Path + ".kept-" + artifact.DigestOf(old).Hex()[:12]
		there, err := i.host.ReadFile(ctx, p.Kept)
		if err != nil {
			return Progress{}, err
		}
		if there == nil {
			r.kept = p.Kept
		}
	}
	// Before the write: a write that failed may have happened.
	i.written = append(i.written, r)
	i.unit = i.unit || f.Name == UnitFile
	if p.Kept != "" {
		if err := i.host.WriteFile(ctx, p.Kept, old); err != nil {
			return Progress{}, err
		}
	}
	return p, i.host.WriteFile(ctx, f.Path, f.Content)
}

func (i *installation) reload(ctx context.Context) (Progress, error) {
	if !i.unit && !i.before.Unit.NeedsReload {
		return Progress{}, nil
	}
	i.reloaded = true
	return Progress{Changed: true}, i.host.Reload(ctx)
}

func (i *installation) enable(ctx context.Context) (p Progress, err error) {
	i.enabled = i.before.Unit.File != "enabled"
	p.Changed, err = i.host.Enable(ctx, Unit)
	return p, err
}

func (i *installation) start(ctx context.Context) (Progress, error) {
	if i.runs && !i.reloaded && len(i.written) == 0 {
		return Progress{}, nil
	}
	i.restarted = true
	return Progress{Changed: true}, i.host.Restart(ctx, Unit)
}

func (i *installation) verify(ctx context.Context) (Progress, error) {
	bounded, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	var seen error
	for {
		facts, err := i.host.Inspect(bounded, i.settings)
		switch judged := Judge(i.settings, facts); {
		case err == nil && judged.RuntimeAPIHealthy:
			i.after = facts
			return Progress{}, nil
		case err == nil:
			seen = errors.New(judged.failing())
		case seen == nil || bounded.Err() == nil: // what was seen last helps more than that time is over
			seen = err
		}
		select {
		case <-time.After(askEvery):
		case <-bounded.Done():
			if ctx.Err() != nil {
				return Progress{}, context.Cause(ctx)
			}
			return Progress{}, fault.Transient(fault.RegistryUnavailable, "no answer as it should be within %s: %w", answerWithin, seen).
				WithHint("on the host: journalctl -u %s", Unit)
		}
	}
}

// failing names the checks of the runtime that do not hold.
func (r Report) failing() string {
	var words []string
	for _, c := range r.Checks {
		if !c.OK && (c.Scope == ScopeContainer || c.Scope == ScopeListener || c.Scope == ScopeAPI) {
			words = append(words, c.Name+" is "+c.Got)
		}
	}
	return strings.Join(words, ", ")
}
