package bootstrap

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/packaging"
)

const (
	agentPath  = packaging.AgentPath
	configPath = "/etc/unidesk/agent.yaml"
	group      = "unidesk-agent"
)

// unitNames are the agent's units.
func unitNames() []string { return []string{"unidesk-agent.socket", "unidesk-agent.service"} }

// Act is a thing that is made so, and whether that changed it.
type Act struct {
	Target  string `json:"target"`
	Changed bool   `json:"changed"`
}

// Plan is what a bootstrap would do to a host.
type Plan struct {
	Acts []Act
	// Upload is true if the binary must cross.
	Upload bool
}

// Changes counts the acts that change something.
func (p Plan) Changes() int { return changes(p.Acts) }

func changes(acts []Act) (n int) {
	for _, a := range acts {
		if a.Changed {
			n++
		}
	}
	return n
}

var accountForm = regexp.MustCompile(`^[a-z_][a-z0-9_.-]{0,31}$`)

// Fit refuses a host that cannot be bootstrapped, before anything crosses to it.
func (f Facts) Fit() error {
	m, err := machineOf(f.Machine)
	switch {
	case err != nil:
		return err
	case f.Package != "":
		return fault.New(fault.Unsupported, "%s belongs to the package %s", agentPath, f.Package).
			WithHint("upgrade it as it was installed, on that host: apt install ./unidesk-agent_VERSION_%s.deb", m.goarch)
	case !f.Systemd:
		return fault.New(fault.Unsupported, "systemd does not run there")
	case len(f.Missing) > 0:
		return fault.New(fault.Unsupported, "the host lacks %s", strings.Join(f.Missing, ", "))
	case f.Sudo == "missing":
		return fault.New(fault.RoleMissing, "account %s is not root there and the host has no sudo", f.Account).
			WithHint("let root log in for this once, or install sudo and give the account NOPASSWD")
	case f.Sudo == "no":
		return fault.New(fault.RoleMissing, "account %s may not use sudo there without a password", f.Account).
			WithHint("on that host, as root: echo '%s ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/unidesk-bootstrap; it may go when the agent runs", f.Account)
	case !accountForm.MatchString(f.Account):
		return fault.New(fault.Unsupported, "account %q has a name that is not taken into a group", f.Account)
	}
	for name, state := range f.Files {
		if state == fileOther {
			return fault.New(fault.PathRefused, "%s is there and is not a regular file", name)
		}
	}
	return nil
}

// NewPlan compares what a host has with what it is to have. The host must be fit.
func NewPlan(f Facts, b Binary, files []packaging.File) (Plan, error) {
	p := Plan{Upload: f.Files[agentPath] != b.SHA256}
	p.add(agentPath, p.Upload)
	start := p.Upload
	for _, file := range files {
		changed := f.Files[file.Path] != sum(file.Content)
		p.add(file.Path, changed)
		start = start || changed && slices.Contains(unitNames(), path.Base(file.Path))
	}
	p.add(configPath, f.Files[configPath] == fileAbsent)
	p.add("group "+group, !f.Group)
	if !f.root() {
		p.add(fmt.Sprintf("%s in group %s", f.Account, group), !f.Member)
	}
	for _, name := range unitNames() {
		p.add(name+" enabled", f.Units[name].Enabled != "enabled")
		start = start || f.Units[name].Active != "active"
	}
	p.add("unidesk-agent.service running", start)
	p.Acts = append(p.Acts, f.Cluster...)
	if err := p.room(f, b); err != nil {
		return Plan{}, err
	}
	return p, nil
}

func (p *Plan) add(target string, changed bool) { p.Acts = append(p.Acts, Act{target, changed}) }

// room fails before the upload when the binary fits in no place: the script needs it
// twice, where it arrives and beside its place.
func (p *Plan) room(f Facts, b Binary) error {
	if !p.Upload {
		return nil
	}
	const margin = 1 << 20 // the other files, and other programs that write there
	for folder, free := range f.Free {
		need := int64(len(b.Content)) + margin
		if free < need {
			return fault.New(fault.DiskFull, "%s needs %d bytes there and has %d", folder, need, free)
		}
	}
	return nil
}

func (f Facts) root() bool { return f.UID == 0 }

func sum(content []byte) string {
	h := sha256.Sum256(content)
	return hex.EncodeToString(h[:])
}
