package workload

import (
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Runtime is what runs a workload.
type Runtime string

// The runtimes.
const (
	Compose    Runtime = "compose"
	Kubernetes Runtime = "kubernetes"
)

// Ref identifies a workload on its host. It is comparable and parsed once; only
// its zero value is empty.
type Ref struct {
	runtime     Runtime
	scope, name string
}

// NewRef returns the name of a workload: a service of a Compose project, or a
// service of the catalog in a Kubernetes namespace. It fails with INVALID_REQUEST
// if the runtime is unknown or a name has another form than the runtime's names.
func NewRef(r Runtime, scope, name string) (Ref, error) {
	form, named := ProjectName, ServiceName
	if r == Kubernetes {
		form, named = KubernetesName, KubernetesName
	} else if r != Compose {
		return Ref{}, fault.New(fault.InvalidRequest, "%.20q is not a runtime; it is compose or kubernetes", string(r))
	}
	if !form.Match(scope) {
		return Ref{}, fault.New(fault.InvalidRequest, "%.80q is not a %s: %s", scope, form, form.Want())
	}
	if !named.Match(name) {
		return Ref{}, fault.New(fault.InvalidRequest, "%.80q is not a %s: %s", name, named, named.Want())
	}
	return Ref{runtime: r, scope: scope, name: name}, nil
}

// ParseRef reads what String returns.
func ParseRef(s string) (Ref, error) {
	runtime, rest, dash := strings.Cut(s, "-")
	scope, name, dot := strings.Cut(rest, ".")
	if !dash || !dot {
		return Ref{}, fault.New(fault.InvalidRequest, "%.200q is not RUNTIME-SCOPE.NAME", s)
	}
	return NewRef(Runtime(runtime), scope, name)
}

// Runtime returns what runs the workload.
func (r Ref) Runtime() Runtime { return r.runtime }

// Scope returns the Compose project, or the Kubernetes namespace.
func (r Ref) Scope() string { return r.scope }

// Name returns the Compose service, or the catalog's service id in Kubernetes.
func (r Ref) Name() string { return r.name }

// IsZero reports whether r names nothing.
func (r Ref) IsZero() bool { return r.runtime == "" }

// String returns "compose-unidesk.baidu-netdisk": unique on the host and fit for a
// file name. No scope holds a dot, so a-b.c is not a.b-c.
func (r Ref) String() string {
	if r.IsZero() {
		return "none"
	}
	return string(r.runtime) + "-" + r.scope + "." + r.name
}

// MarshalText implements encoding.TextMarshaler.
func (r Ref) MarshalText() ([]byte, error) {
	if r.IsZero() {
		return nil, nil
	}
	return []byte(r.String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler; it accepts "" for the zero value.
func (r *Ref) UnmarshalText(b []byte) (err error) {
	*r = Ref{}
	if len(b) > 0 {
		*r, err = ParseRef(string(b))
	}
	return err
}
