// Package declared reads what Compose prints of a project: what a service declares, what a
// dry run would replace, which values a label of a container has by its declaration, and why
// a command failed. Of a declaration it takes names and structure, and never a value that may
// be a secret; of a failure it takes the secrets out.
package declared

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// service is what is read of a service's declaration. Without interpolation any
// value may still be a string with a variable in it.
type service struct {
	Image         string `json:"image"`
	ContainerName string `json:"container_name"`
	PullPolicy    string `json:"pull_policy"`
	Scale         any    `json:"scale"`
	Deploy        struct {
		Replicas any `json:"replicas"`
	} `json:"deploy"`
	Environment any `json:"environment"`
	Labels      any `json:"labels"`
	container
}

// Parse returns the named service of what `docker compose config --no-interpolate
// --format json` printed of the project. WORKLOAD_NOT_FOUND if the project has no such
// service, COMPOSE_FAILED if it is no JSON.
func Parse(b []byte, project, name string) (workload.ComposeDefinition, error) {
	var p struct {
		Services map[string]json.RawMessage `json:"services"`
	}
	unread := fault.New(fault.ComposeFailed, "docker compose config did not print the project as JSON") // json's error would quote the file
	if err := json.Unmarshal(b, &p); err != nil {
		return workload.ComposeDefinition{}, unread
	}
	whole, ok := p.Services[name]
	if !ok {
		return workload.ComposeDefinition{}, fault.New(fault.WorkloadNotFound, "the Compose project %s has no service %s, it has: %s",
			project, name, strings.Join(names(p.Services), ", "))
	}
	var s service
	if err := json.Unmarshal(whole, &s); err != nil {
		return workload.ComposeDefinition{}, unread
	}
	hash, err := hashOf(whole)
	if err != nil {
		return workload.ComposeDefinition{}, unread
	}
	d := workload.ComposeDefinition{
		Image: s.Image, ContainerName: s.ContainerName, PullPolicy: s.PullPolicy, Replicas: replicas(s),
		References: handedOn(s.Environment), LabelReferences: named(s.Labels),
		Mounts: s.mounts(), NetworkMode: s.NetworkMode, StopGrace: s.grace(), Programs: s.programs(), Hash: hash,
	}
	for _, e := range entries(s.Labels) {
		if variableForm.MatchString(e.value) {
			if d.Labels == nil {
				d.Labels = map[string]string{}
			}
			d.Labels[e.key] = e.value
		}
	}
	if d.Image == "" {
		d.Image = project + "-" + name // what Compose calls the image of a service with a build section only
	}
	return d, nil
}

// hashOf returns the hash of a service's declaration, which no order of its keys changes.
func hashOf(declaration json.RawMessage) (artifact.Digest, error) {
	var v any
	if err := json.Unmarshal(declaration, &v); err != nil {
		return artifact.Digest{}, err
	}
	sorted, err := json.Marshal(v)
	return artifact.DigestOf(sorted), err
}

// names returns the names of the services, except names that Compose would not accept.
func names(services map[string]json.RawMessage) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(services)), func(s string) bool { return !workload.ServiceName.Match(s) })
}

// replicas returns 0 if the number depends on a variable or is none.
func replicas(s service) int {
	for _, v := range []any{s.Scale, s.Deploy.Replicas} {
		switch v := v.(type) {
		case float64:
			if n := int(v); n > 0 && float64(n) == v {
				return n
			}
			return 0
		case string:
			n, _ := strconv.Atoi(v)
			return max(n, 0)
		}
	}
	return 1
}

// handedOn returns the variables that the environment passes on under their own names,
// sorted. A key with another variable's value, or with a longer text, would not show the
// env file's value.
func handedOn(environment any) (keys []string) {
	for _, e := range entries(environment) {
		m := handedOnForm.FindStringSubmatch(e.value)
		// A key without a value has that of the variable of its name.
		if !e.assigned && nameForm.MatchString(e.key) || m != nil && e.key == m[1]+m[2] {
			keys = append(keys, e.key)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// named returns the variables that the labels' values name, sorted.
func named(labels any) (variables []string) {
	for _, e := range entries(labels) {
		for _, m := range variableForm.FindAllStringSubmatch(e.value, -1) {
			if m[1] != "" {
				variables = append(variables, m[1])
			}
		}
	}
	slices.Sort(variables)
	return slices.Compact(variables)
}

type entry struct {
	key, value string
	assigned   bool
}

// entries reads both forms, `- KEY=value` and `KEY: value`. A value that is no text is
// read as empty.
func entries(v any) (list []entry) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			s, _ := e.(string)
			key, value, assigned := strings.Cut(s, "=")
			list = append(list, entry{key, value, assigned})
		}
	case map[string]any:
		for key, e := range v {
			value, _ := e.(string)
			list = append(list, entry{key, value, e != nil})
		}
	}
	return list
}

var (
	nameForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	// handedOnForm is a variable and nothing else, with or without a default: $KEY,
	// ${KEY}, ${KEY:-x}, ${KEY?x}. What ${KEY:+x} puts in is not the variable's.
	handedOnForm = regexp.MustCompile(`^\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)(?::?[-?](?:[^{}]|\{[^{}]*\})*)?\})$`)
	// variableForm is what Compose would put in, nested ones too. $$ is a dollar sign.
	variableForm = regexp.MustCompile(`\$(?:\$|\{?([A-Za-z_][A-Za-z0-9_]*))`)
)
