package deploy

import (
	"fmt"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/unidesk"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// settings returns the values that the change writes; none without a config sync.
func (s session) settings() (values workload.Values, nowhere []string, err error) {
	if s.spec.Kubernetes == nil || s.spec.Kubernetes.Sync == nil {
		return workload.Values{}, nil, nil
	}
	return s.Settings.Settings(*s.spec.Kubernetes.Sync)
}

// synced checks that each key of the config sync has a value, and names the keys that
// go nowhere. Of a value only the length is shown.
func (s session) synced() (checks []proof.Check, err error) {
	values, nowhere, err := s.settings()
	if err != nil || s.spec.Kubernetes == nil || s.spec.Kubernetes.Sync == nil {
		return nil, err
	}
	for _, key := range s.spec.Kubernetes.Sync.Keys() {
		value, ok := values.Get(key)
		c := proof.Check{Name: "config.json " + unidesk.AuthPointer + "." + key, OK: ok, Detail: fmt.Sprintf("present, %d bytes", len(value))}
		if !ok {
			c.Reason, c.Detail = fault.EnvKeyMissing, "is missing, or is no text, number or boolean"
			c.Fix = "restore it on the master, or take the key out of authSync in services.yaml"
		}
		checks = append(checks, c)
	}
	if len(nowhere) > 0 {
		checks = append(checks, proof.Check{
			Name: "config.json " + unidesk.AuthPointer, OK: true, Warning: true,
			Detail: strings.Join(nowhere, ", ") + " go nowhere: authSync names them neither as credentials nor as settings",
		})
	}
	return checks, nil
}
