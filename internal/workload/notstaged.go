package workload

import (
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// NotStaged is the fault of a switch to an image that its host does not have: a deploy
// stages first, so it was removed in between. IMAGE_UNAVAILABLE, with a retry.
func NotStaged(commit artifact.Commit) error {
	return fault.Transient(fault.ImageUnavailable, "the image of %s was staged and is not here any more: somebody removed it (docker image prune, docker rmi, crictl rmi)", commit.Short()).
		WithHint("the same command stages it again; let no prune run on the host of the service meanwhile")
}
