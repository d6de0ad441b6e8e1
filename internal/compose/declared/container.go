package declared

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// container is what a service's declaration gives its container besides image and
// environment.
type container struct {
	NetworkMode     string `json:"network_mode"`
	StopGracePeriod any    `json:"stop_grace_period"`
	Volumes         []any  `json:"volumes"`
	Tmpfs           any    `json:"tmpfs"`
	Configs         []any  `json:"configs"`
	Secrets         []any  `json:"secrets"`
	Entrypoint      any    `json:"entrypoint"`
	Command         any    `json:"command"`
	WorkingDir      string `json:"working_dir"`
}

// grace returns 0 if the period depends on a variable or is none.
func (c container) grace() time.Duration {
	text, _ := c.StopGracePeriod.(string)
	d, _ := time.ParseDuration(text)
	return max(0, d)
}

// mounts returns the mounts whose target has no variable in it, sorted by target.
func (c container) mounts() (all []workload.Mount) {
	add := func(kind string, v any) {
		m := workload.Mount{Kind: kind}
		switch v := v.(type) {
		case string: // SOURCE:TARGET:OPTIONS, or TARGET:OPTIONS
			parts := strings.Split(v, ":")
			if i := slices.IndexFunc(parts[1:], func(s string) bool { return strings.HasPrefix(s, "/") }); i >= 0 {
				m.Source, m.Target = strings.Join(parts[:i+1], ":"), parts[i+1]
			} else {
				m.Target = parts[0]
			}
		case map[string]any:
			kind, _ := v["type"].(string)
			m.Kind = cmp.Or(kind, m.Kind)
			m.Source, _ = v["source"].(string)
			m.Target, _ = v["target"].(string)
		}
		if strings.HasPrefix(m.Target, "/") && !strings.Contains(m.Target, "$") {
			m.Target = path.Clean(m.Target)
			all = append(all, m)
		}
	}
	for kind, list := range map[string][]any{"volume": c.Volumes, "config": c.Configs, "secret": c.Secrets} {
		for _, v := range list {
			add(kind, v)
		}
	}
	for _, target := range words(c.Tmpfs) {
		add("tmpfs", target)
	}
	slices.SortFunc(all, func(a, b workload.Mount) int { return strings.Compare(a.Target, b.Target) })
	return all
}

// programs returns nil unless the declaration has the whole command line.
func (c container) programs() []string {
	entry := words(c.Entrypoint)
	if len(entry) == 0 {
		return nil
	}
	return workload.Programs(append(entry, words(c.Command)...), c.WorkingDir)
}

// words returns the texts of a list, or a text as the only word.
func words(v any) (list []string) {
	switch v := v.(type) {
	case string:
		list = append(list, v)
	case []any:
		for _, one := range v {
			s, _ := one.(string)
			list = append(list, s)
		}
	}
	return list
}
