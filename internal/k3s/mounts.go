package k3s

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/cri"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/kube"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// container is what a pod template gives a container besides its image and environment.
type container struct {
	Name          string
	Command, Args []string
	WorkingDir    string
	VolumeMounts  []struct{ Name, MountPath string }
}

// placed returns the container of this name in a Deployment's template, and what is mounted
// into it. A template that cannot be read has none.
func placed(d kube.Deployment, name string) (c container, mounts []workload.Mount) {
	var t struct {
		Spec struct {
			Containers []container
			Volumes    []map[string]json.RawMessage // "name", and a key that is the kind
		}
	}
	if json.Unmarshal(d.Template, &t) != nil {
		return container{}, nil
	}
	i := slices.IndexFunc(t.Spec.Containers, func(c container) bool { return c.Name == name })
	if i < 0 {
		return container{}, nil
	}
	c = t.Spec.Containers[i]
	for _, m := range c.VolumeMounts {
		mount := workload.Mount{Kind: "volume", Source: m.Name, Target: m.MountPath}
		for _, v := range t.Spec.Volumes {
			var of string
			if json.Unmarshal(v["name"], &of) != nil || of != m.Name {
				continue
			}
			for key := range v {
				if key != "name" {
					mount.Kind = key
				}
			}
		}
		mounts = append(mounts, mount)
	}
	return c, mounts
}

// programs are the paths that its program comes from, by its own command alone; none if
// the image's command counts.
func (c container) programs() []string {
	if len(c.Command) == 0 {
		return nil
	}
	return workload.Programs(slices.Concat(c.Command, c.Args), c.WorkingDir)
}

// programsOf are the same of a pod that runs an image. The template's command takes the place of
// both the image's entrypoint and its arguments.
func (c container) programsOf(image cri.Image) []string {
	folder := cmp.Or(c.WorkingDir, image.Folder, "/")
	switch {
	case len(c.Command) > 0:
		return workload.Programs(slices.Concat(c.Command, c.Args), folder)
	case len(c.Args) > 0:
		return workload.Programs(slices.Concat(image.Entrypoint, c.Args), folder)
	}
	return workload.Programs(slices.Concat(image.Entrypoint, image.Arguments), folder)
}
