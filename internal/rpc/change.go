package rpc

import (
	"math"
	"slices"
	"strings"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// This file converts what a controller sends an agent: names of workloads, and changes.
// An agent sends both back about a change that is not settled, and is trusted as
// little.

func refToProto(r workload.Ref) *artifactv1.Workload {
	switch r.Runtime() {
	case workload.Compose:
		return &artifactv1.Workload{Runtime: &artifactv1.Workload_Compose{Compose: &artifactv1.ComposeService{Project: r.Scope(), Service: r.Name()}}}
	case workload.Kubernetes:
		return &artifactv1.Workload{Runtime: &artifactv1.Workload_Kubernetes{Kubernetes: &artifactv1.KubernetesWorkload{Namespace: r.Scope(), Name: r.Name()}}}
	default:
		return nil
	}
}

func (f *fields) ref(m *artifactv1.Workload) workload.Ref {
	var ref workload.Ref
	var err error
	switch r := m.GetRuntime().(type) {
	case *artifactv1.Workload_Compose:
		ref, err = workload.NewRef(workload.Compose, r.Compose.GetProject(), r.Compose.GetService())
	case *artifactv1.Workload_Kubernetes:
		ref, err = workload.NewRef(workload.Kubernetes, r.Kubernetes.GetNamespace(), r.Kubernetes.GetName())
	default:
		f.refuse("workload", "names neither a Compose service nor a Kubernetes workload")
	}
	if err != nil {
		f.refuse("workload", "a name in it is not possible: see the contract's ComposeService and KubernetesWorkload")
	}
	return ref
}

func placementToProto(s workload.Spec) *artifactv1.Placement {
	m := &artifactv1.Placement{Workload: refToProto(s.Ref), KeyPrefix: s.KeyPrefix, Secrets: s.Secrets, Probe: probeToProto(s.Probe)}
	if c := s.Compose; c != nil {
		m.Runtime = &artifactv1.Placement_Compose{Compose: &artifactv1.ComposePlacement{ContainerName: c.ContainerName, Image: c.Image}}
	} else if k := s.Kubernetes; k != nil {
		m.Runtime = &artifactv1.Placement_Kubernetes{Kubernetes: kubernetesToProto(*k)}
	}
	return m
}

func (f *fields) placement(m *artifactv1.Placement) workload.Spec {
	s := workload.Spec{Ref: f.ref(m.GetWorkload())}
	switch r := m.GetRuntime().(type) {
	case *artifactv1.Placement_Compose:
		s.Compose = &workload.ComposeSpec{
			ContainerName: f.form("placement.compose.container_name", workload.ContainerName, r.Compose.GetContainerName()),
			Image:         f.repository("placement.compose.image", r.Compose.GetImage()).String(),
		}
		s.Probe = f.probe("placement.probe", m.GetProbe())
	case *artifactv1.Placement_Kubernetes:
		s.Kubernetes = f.kubernetes(r.Kubernetes)
	default: // a host that only names the workload
		return s
	}
	s.KeyPrefix = f.form("placement.key_prefix", workload.KeyPrefix, m.GetKeyPrefix())
	s.Secrets = f.forms("placement.secrets", workload.VariableKey, m.GetSecrets())
	return s
}

func pinnedToProto(p artifact.Pinned) *artifactv1.PinnedImage {
	return &artifactv1.PinnedImage{
		Repository: p.Repository.String(), Commit: p.Commit.String(), IndexDigest: p.Index.String(),
		ManifestDigest: p.Manifest.String(), ConfigDigest: p.Config.String(), Bytes: uint64(max(0, p.Bytes)),
	}
}

func (f *fields) pinned(m *artifactv1.PinnedImage) artifact.Pinned {
	return artifact.Pinned{
		Repository: f.optionalRepository("image.repository", m.GetRepository()), Commit: f.commit("image.commit", m.GetCommit()),
		Index: f.optionalDigest("image.index_digest", m.GetIndexDigest()), Manifest: f.digest("image.manifest_digest", m.GetManifestDigest()),
		Config: f.digest("image.config_digest", m.GetConfigDigest()), Bytes: int64(min(m.GetBytes(), math.MaxInt64)),
	}
}

func changeToProto(c workload.Change) *artifactv1.Change {
	return &artifactv1.Change{
		Id: c.ID, Workload: refToProto(c.Ref), Image: pinnedToProto(c.Image), Basis: string(c.Basis),
		Stamps: variablesToProto(c.Stamps), Deadline: momentToProto(c.Deadline), Holder: plain.Line(c.Holder),
		FlagsBefore: flagsToProto(c.FlagsBefore),
	}
}

func (f *fields) change(m *artifactv1.Change) workload.Change {
	return workload.Change{
		ID: f.match("change.id", changeForm, m.GetId()), Ref: f.ref(m.GetWorkload()), Image: f.pinned(m.GetImage()),
		Basis:       f.basis("change.basis", m.GetBasis()),
		Stamps:      f.variables("change.stamps", m.GetStamps(), deployKey, workload.StampValue.Match),
		FlagsBefore: f.flags("change.flags_before", m.GetFlagsBefore(), flagOf),
		Deadline:    f.moment("change.deadline", m.GetDeadline()),
		Holder:      f.line("change.holder", m.GetHolder()),
	}
}

func (f *fields) basis(field, s string) workload.Basis {
	return workload.Basis(f.optional(field, changeForm, s))
}

func copyToProto(c workload.Copy) *artifactv1.Copy {
	return &artifactv1.Copy{Id: c.ID, Started: momentToProto(c.Started), Restarts: uint32(max(0, c.Restarts)), Revision: c.Revision}
}

func (f *fields) copy(m *artifactv1.Copy) workload.Copy {
	return workload.Copy{
		ID: f.match("proven.id", idForm, m.GetId()), Started: f.moment("proven.started", m.GetStarted()), Restarts: int(m.GetRestarts()),
		Revision: f.optional("proven.revision", idForm, m.GetRevision()),
	}
}

// deployKey reports whether a deploy writes the key.
func deployKey(name string) bool { return slices.Contains(workload.Keys(), name) }

// flagOf reports whether a name is a health flag's by [workload.FlagOf].
func flagOf(name string) bool {
	deployment, flag, of := strings.Cut(name, "/")
	return workload.FlagPath.Match(name) || of && workload.KubernetesName.Match(deployment) && workload.FlagPath.Match(flag)
}

func outcomeToProto(o workload.Outcome) artifactv1.Outcome {
	switch o {
	case workload.Keep:
		return artifactv1.Outcome_OUTCOME_KEEP
	case workload.Revert:
		return artifactv1.Outcome_OUTCOME_REVERT
	default:
		return artifactv1.Outcome_OUTCOME_UNSPECIFIED
	}
}

func (f *fields) outcome(field string, o artifactv1.Outcome) workload.Outcome {
	switch o {
	case artifactv1.Outcome_OUTCOME_KEEP:
		return workload.Keep
	case artifactv1.Outcome_OUTCOME_REVERT:
		return workload.Revert
	default:
		f.refuse(field, "not an outcome")
		return ""
	}
}
