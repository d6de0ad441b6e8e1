package proof

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// reserved returns the prefixes of labels that container runtimes act upon. An image
// that carries such a label could steer the host that runs it.
func reserved() []string {
	return []string{"containerd.io/", "io.cri-containerd", "io.kubernetes.", "com.docker.compose."}
}

// Check is a condition that must hold before anything changes.
type Check struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	// Warning means that it holds, and that a person should read its detail.
	Warning bool         `json:"warning,omitempty"`
	Detail  string       `json:"detail,omitempty"`
	Reason  fault.Reason `json:"reason,omitempty"`
	// Lasting means that the warning is about what a run leaves: its result has it, too.
	Lasting bool `json:"-"`
	// Fix is what to do about a check that does not hold, or that warns.
	Fix string `json:"fix,omitempty"`
	// Retry is [fault.Error]'s.
	Retry bool `json:"-"`
}

// Labels checks that the image is the asked service at the asked commit.
func Labels(required, have map[string]string) (checks []Check) {
	for _, name := range sortedKeys(required) {
		c := Check{Name: "label " + name, OK: have[name] == required[name], Detail: cmp.Or(have[name], "missing")}
		if !c.OK {
			c.Reason = fault.LabelMismatch
			c.Detail = fmt.Sprintf("is %q, want %q", have[name], required[name])
			if _, there := have[name]; !there {
				c.Detail = fmt.Sprintf("is missing, want %q", required[name])
			}
			c.Fix = "publish the commit again from a clean checkout; this image is not what its tag says"
		}
		checks = append(checks, c)
	}
	for _, name := range sortedKeys(have) {
		if slices.ContainsFunc(reserved(), func(p string) bool { return strings.HasPrefix(name, p) }) {
			checks = append(checks, Check{
				Name: "label " + name, Reason: fault.LabelMismatch,
				Detail: "is in a namespace that container runtimes reserve", Fix: "remove the label from the Dockerfile",
			})
		}
	}
	return checks
}

// Fit checks that the host's configuration lets a switch to the image succeed and be
// proven.
func Fit(spec workload.Spec, image artifact.Image, seen workload.Observation) []Check {
	if spec.Kubernetes != nil {
		return slices.Concat(FitKubernetes(spec, seen), Uncovered(spec, image, seen), secrets(spec, seen.Secrets))
	}
	checks := append(FitCompose(spec, seen.Compose()), FilesRead(seen.Compose()), NameFree(spec, seen.NameTakenBy))
	if in := seen.Current(); in != nil {
		checks = append(checks, Stops("container "+in.Name, in.StopGrace))
	}
	return slices.Concat(checks, Defined(spec, seen), Uncovered(spec, image, seen), secrets(spec, seen.Secrets))
}

// FitCompose checks that a Compose service, as it is declared, can be switched and
// then shows what it runs. The plan and the host that refuses a switch use it alike.
func FitCompose(spec workload.Spec, d workload.ComposeDefinition) []Check {
	checks := []Check{
		unfit("compose image", d.Image == spec.Compose.Image || d.Image == spec.Compose.Image+":latest",
			fmt.Sprintf("is %s, want %s", cmp.Or(d.Image, "missing"), spec.Compose.Image),
			fmt.Sprintf("set `image: %s` in the Compose service %s", spec.Compose.Image, spec.Ref.Name())),
		unfit("compose container_name", d.ContainerName == spec.Compose.ContainerName,
			fmt.Sprintf("is %s, want %s", cmp.Or(d.ContainerName, "missing"), spec.Compose.ContainerName),
			fmt.Sprintf("set `container_name: %s` in the Compose service %s", spec.Compose.ContainerName, spec.Ref.Name())),
		unfit("compose pull_policy", d.PullPolicy != "always" && d.PullPolicy != "build",
			fmt.Sprintf("is %s: Compose would replace the verified image", d.PullPolicy),
			"remove pull_policy from the service, or set it to missing or never"),
		unfit("compose replicas", d.Replicas == 1,
			fmt.Sprintf("is %d, want 1", d.Replicas), "run the service with one container"),
		reached(spec, d.NetworkMode), Stops("compose service "+spec.Ref.Name(), d.StopGrace),
	}
	unset, unlabelled := spec.MissingReferences(d.References), spec.MissingReferences(d.LabelReferences)
	return append(checks,
		unfit("compose environment", len(unset) == 0,
			fmt.Sprintf("lacks %s, each under its own name: without it the container cannot report its commit", strings.Join(unset, ", ")),
			"add to the service:\n"+yaml(spec, "environment", func(k string) string { return spec.KeyPrefix + k })),
		unfit("compose labels", len(unlabelled) == 0,
			fmt.Sprintf("lack %s: without it the container cannot report its commit", strings.Join(unlabelled, ", ")),
			"add to the service:\n"+yaml(spec, "labels", label)))
}

// secrets checks that the env file has a value for each secret of the placement. Keys
// that the change itself writes need none.
func secrets(spec workload.Spec, seen []workload.Secret) (checks []Check) {
	var written []string
	if k := spec.Kubernetes; k != nil && k.Sync != nil {
		written = k.Sync.Keys()
	}
	for _, s := range seen {
		if slices.Contains(written, s.Name) {
			continue
		}
		c := Check{Name: "env file " + s.Name, OK: s.Present, Detail: fmt.Sprintf("present, %d bytes", s.Length)}
		if !s.Present {
			c.Reason, c.Detail, c.Fix = fault.EnvKeyMissing, "is missing or empty", "restore the value in the env file"
		}
		checks = append(checks, c)
	}
	return checks
}

func unfit(name string, ok bool, detail, fix string) Check {
	if ok {
		return Check{Name: name, OK: true, Detail: "fits"}
	}
	return Check{Name: name, Reason: fault.WorkloadUnfit, Detail: detail, Fix: fix}
}

// yaml is what a section of a Compose service needs for its container to show what
// was deployed; name is that of the entry which shows a key.
func yaml(spec workload.Spec, section string, name func(key string) string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "    %s:\n", section)
	for _, k := range workload.Keys() {
		fmt.Fprintf(&b, "      %s: ${%s%s:-}\n", name(k), spec.KeyPrefix, k)
	}
	return b.String()
}

// label is a name for the label that shows a key; any other will do.
func label(key string) string {
	return "unidesk.deploy." + strings.ToLower(strings.ReplaceAll(key, "_", "-"))
}

// Runs checks that the image is for the engine's platform.
func Runs(engine, image artifact.Platform) Check {
	c := Check{Name: "platform", OK: engine.OS == image.OS && engine.Architecture == image.Architecture, Detail: image.String()}
	if !c.OK {
		c.Reason = fault.PlatformNotFound
		c.Detail = fmt.Sprintf("is %s, the engine runs %s", image, engine)
		c.Fix = "publish the commit for the engine's platform"
	}
	return c
}

// Blocking returns the first check that does not hold.
func Blocking(checks []Check) (Check, bool) {
	i := slices.IndexFunc(checks, func(c Check) bool { return !c.OK })
	if i < 0 {
		return Check{}, false
	}
	return checks[i], true
}

// Fault returns the first check that does not hold as an error, nil if all hold.
func Fault(checks []Check) error {
	c, found := Blocking(checks)
	if !found {
		return nil
	}
	f := fault.New(c.Reason, "%s %s", c.Name, c.Detail).WithHint("%s", c.Fix)
	f.Retry = c.Retry
	return f
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
