package rpc

import (
	"slices"
	"strings"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// This file is what a controller tells an agent: workloads and changes. An agent
// tells both back, of a change that is not settled, and is believed as little.

func workloadToProto(s workload.Spec) *artifactv1.Workload {
	m := &artifactv1.Workload{
		Container: s.Container, Image: s.Image, EnvPrefix: s.EnvPrefix, Secrets: s.Secrets,
		Probe: &artifactv1.Probe{Port: uint32(s.Probe.Port), Path: s.Probe.Path, Flags: s.Probe.Flags},
	}
	if c := s.Ref.Compose; c != nil {
		m.Compose = &artifactv1.ComposeService{Project: c.Project, Service: c.Service}
	}
	return m
}

func (f *fields) workload(m *artifactv1.Workload) workload.Spec {
	s := workload.Spec{
		Ref: workload.Ref{Compose: &workload.ComposeRef{
			Project: f.match("workload.compose.project", projectForm, m.GetCompose().GetProject()),
			Service: f.match("workload.compose.service", containerForm, m.GetCompose().GetService()),
		}},
		Container: f.match("workload.container", containerForm, m.GetContainer()),
		Image:     f.repository("workload.image", m.GetImage()).String(),
		EnvPrefix: f.match("workload.env_prefix", prefixForm, m.GetEnvPrefix()),
		Secrets: f.list("workload.secrets", m.GetSecrets(), func(s string) string {
			return f.match("workload.secrets", keyForm, s)
		}),
		Probe: workload.Probe{
			Port: int(m.GetProbe().GetPort()), Path: f.match("workload.probe.path", pathForm, m.GetProbe().GetPath()),
			Flags: f.list("workload.probe.flags", m.GetProbe().GetFlags(), func(s string) string {
				return f.match("workload.probe.flags", flagForm, s)
			}),
		},
	}
	if s.Probe.Port < 1 || s.Probe.Port > 65535 {
		f.refuse("workload.probe.port", "not a port")
	}
	if slices.Contains(strings.Split(s.Probe.Path, "/"), "..") {
		f.refuse("workload.probe.path", "goes up a folder")
	}
	return s
}

func changeToProto(c workload.Change) *artifactv1.Change {
	return &artifactv1.Change{
		Id: c.ID, Workload: workloadToProto(c.Spec), Commit: c.Commit.String(),
		ManifestDigest: c.Manifest.String(), ConfigDigest: c.Config.String(), Saw: c.Saw,
		Env: variablesToProto(c.Env), Deadline: momentToProto(c.Deadline), Holder: plain.Line(c.Holder),
		FlagsBefore: flagsToProto(c.FlagsBefore),
	}
}

func (f *fields) change(m *artifactv1.Change) workload.Change {
	return workload.Change{
		ID: f.match("change.id", changeForm, m.GetId()), Spec: f.workload(m.GetWorkload()), Commit: f.commit("change.commit", m.GetCommit()),
		Manifest: f.digest("change.manifest_digest", m.GetManifestDigest()), Config: f.digest("change.config_digest", m.GetConfigDigest()),
		Saw:         f.optional("change.saw", idForm, m.GetSaw()),
		Env:         f.variables("change.env", m.GetEnv(), deployKey, valueForm.MatchString),
		FlagsBefore: f.flags("change.flags_before", m.GetFlagsBefore()),
		Deadline:    f.moment("change.deadline", m.GetDeadline()),
		Holder:      f.match("change.holder", holderForm, m.GetHolder()),
	}
}

// deployKey reports whether a key is one that a deploy writes.
func deployKey(name string) bool { return slices.Contains(workload.Keys(), name) }

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
