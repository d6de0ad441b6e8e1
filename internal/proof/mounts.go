package proof

import (
	"fmt"
	"path"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// ownFiles is what a container must run.
const ownFiles = "the image's own files"

// Uncovered checks that no mount will lie over what the image's container runs: a volume
// goes on holding the files of the version before. The image's program counts, or the
// program that the Compose service declares in its place.
func Uncovered(spec workload.Spec, image artifact.Image, seen workload.Observation) []Check {
	if spec.Kubernetes != nil {
		return uncoveredPods(spec, image, seen)
	}
	if spec.Compose == nil {
		return nil
	}
	d := seen.Compose()
	c, volumes := covered(d.Mounts, programs(image, d.Programs)), make([]workload.Mount, 0, len(image.Volumes))
	if !c.OK {
		c.Fix = "take the mount out of the Compose service " + spec.Ref.Name() + ", or mount a folder that holds data only"
		return []Check{c}
	}
	for _, target := range image.Volumes {
		volumes = append(volumes, workload.Mount{Kind: "VOLUME of the image", Target: target})
	}
	if c = covered(volumes, programs(image, d.Programs)); !c.OK {
		c.Fix = "take VOLUME out of the Dockerfile, or name a folder that holds data only, and publish the commit again"
	}
	return []Check{c}
}

// uncoveredPods is Uncovered for Deployments. A VOLUME of the image does not matter in a pod:
// each container begins with the files of its image there.
func uncoveredPods(spec workload.Spec, image artifact.Image, seen workload.Observation) (checks []Check) {
	for _, d := range spec.Kubernetes.Deployments {
		have := seen.Unit(d.Name).Deployment
		if have == nil {
			continue // it is named already
		}
		c := covered(have.Mounts, programs(image, have.Programs))
		c.Name = "deployment " + spec.Ref.Scope() + "/" + d.Name + " mounts"
		if !c.OK {
			c.Fix = "take the mount out of container " + d.Container + " in the Deployment's manifest, or mount a folder that holds data only"
		}
		checks = append(checks, c)
	}
	return checks
}

func covered(mounts []workload.Mount, programs []string) Check {
	m, name, found := workload.Hiding(mounts, programs)
	return unfit("compose mounts", !found, fmt.Sprintf("%s lies over %s: what runs would be the files in it, and not the image's", m, name), "")
}

// programs are where the container's program comes from.
func programs(image artifact.Image, own []string) []string {
	if len(own) == 0 {
		own = workload.Programs(image.Command, image.Folder)
	}
	own = slices.Clone(own)
	for i, name := range own {
		if name == workload.WorkFolder {
			own[i] = path.Clean("/" + image.Folder)
		}
	}
	return slices.DeleteFunc(own, func(name string) bool { return name == "/" })
}

// mounts is the finding that the containers run the image's own files. There is none if
// the host does not report where their programs are.
func (j *judge) mounts(instances []workload.Instance) bool {
	told := false
	for _, in := range instances {
		if m, name, found := workload.Hiding(in.Mounts, in.Programs); found {
			return j.add(equal("program", Digest, ownFiles, fmt.Sprintf("in %s, which lies over %s", m, name)))
		}
		told = told || len(in.Programs) > 0
	}
	return !told || j.add(equal("program", Digest, ownFiles, ownFiles))
}
