package deploy

import (
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// settings returns the values that the change writes, and the checks that all are there;
// none without a config sync.
func (s session) settings() (values workload.Values, checks []proof.Check, err error) {
	if s.Spec.Kubernetes == nil || s.Spec.Kubernetes.Sync == nil {
		return workload.Values{}, nil, nil
	}
	values, nowhere, err := s.Settings.Settings(*s.Spec.Kubernetes.Sync)
	return values, proof.Settings(*s.Spec.Kubernetes.Sync, values, nowhere), err
}
