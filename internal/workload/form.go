package workload

import (
	"regexp"
	"slices"
	"strings"
)

// Form is the form of a kind of name. The catalog, the controller's and the agent's
// configuration and the wire all ask it, so they all accept the same names. No form
// holds a blank or a quote, and no name begins with a dash or goes up a folder; a
// StampValue, which names nothing, may.
type Form int

// The forms.
const (
	// ProjectName is Compose's project name.
	ProjectName Form = iota
	// ServiceName is a service of a Compose project.
	ServiceName
	// ContainerName is Docker's container name.
	ContainerName
	// KubernetesName is the name of a namespace, Deployment, Service or container.
	KubernetesName
	// DataKey is a key of a Secret or a ConfigMap.
	DataKey
	// VariableKey is the name of an environment variable that the product asks for.
	VariableKey
	// KeyPrefix begins the stamps in an environment.
	KeyPrefix
	// FlagPath is a boolean of a health answer, as a dotted path.
	FlagPath
	// HealthPath is the URL path of a health endpoint.
	HealthPath
	// HostName is a host's name in the configuration.
	HostName
	// StampValue is the value of a deploy key: what every parser of env files reads as
	// it stands.
	StampValue
)

// Match compares the length of a name apart: the compiler of an expression would copy a
// count in it out, at each start of both programs.
var (
	projectForm    = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)
	serviceForm    = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)
	kubernetesForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
	dataForm       = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*$`)
	keyForm        = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)
	flagForm       = regexp.MustCompile(`^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$`)
	pathForm       = regexp.MustCompile(`^/[A-Za-z0-9._~/-]*$`)
	valueForm      = regexp.MustCompile(`^[A-Za-z0-9._:/@+-]*$`)
)

// prefixEnd ends the KeyPrefix of every workload.
const prefixEnd = "_DEPLOY_"

// Match reports whether s has the form.
func (f Form) Match(s string) bool {
	switch f {
	case ProjectName:
		return len(s) <= 63 && projectForm.MatchString(s)
	case ServiceName, ContainerName, HostName:
		return len(s) <= 128 && serviceForm.MatchString(s)
	case KubernetesName:
		return len(s) <= 63 && kubernetesForm.MatchString(s)
	case DataKey:
		return len(s) <= 253 && dataForm.MatchString(s)
	case VariableKey:
		return len(s) <= 128 && keyForm.MatchString(s)
	case KeyPrefix:
		// With each of the [Keys] after it, it is a variable's name.
		return strings.HasSuffix(s, prefixEnd) && VariableKey.Match(s+KeyRequestedCommit)
	case FlagPath:
		parts := strings.Split(s, ".")
		return len(parts) <= 8 && !slices.ContainsFunc(parts, func(p string) bool { return len(p) > 64 }) && flagForm.MatchString(s)
	case HealthPath:
		return len(s) <= 256 && pathForm.MatchString(s) && !slices.Contains(strings.Split(s, "/"), "..")
	case StampValue:
		return len(s) <= 256 && valueForm.MatchString(s)
	default:
		return false
	}
}

// String returns the form's name, for a sentence.
func (f Form) String() string {
	return [...]string{
		"Compose project name", "Compose service name", "container name", "Kubernetes name", "key of a Secret or ConfigMap", "variable name", "key prefix",
		"dotted path", "plain URL path", "host name", "value of a deploy key",
	}[f]
}

// Want returns what a name of the form may consist of.
func (f Form) Want() string {
	return [...]string{
		"use lower-case letters, digits, - and _, at most 63",
		"use letters, digits, ., - and _, at most 128, a letter or digit first",
		"use letters, digits, ., - and _, at most 128, a letter or digit first",
		"use lower-case letters, digits and -, at most 63, a letter or digit first and last",
		"use letters, digits, ., _ and -, at most 253, no dot or dash first",
		"use upper-case letters, digits and _, at most 128, a letter first",
		"use upper-case letters, digits and _, at most 112, a letter first, and end with " + prefixEnd,
		"use letters, digits and _, joined by dots, at most 8 parts of 64",
		"begin with a slash and use letters, digits, ., _, ~, - and /, at most 256, no folder called ..",
		"use letters, digits, ., - and _, at most 128, a letter or digit first",
		"use letters, digits and . _ : / @ + -, at most 256",
	}[f]
}
