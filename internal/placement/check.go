package placement

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Check compares a host's placement of a workload with the wanted placement. It returns no
// check if they are the same, else a check that fails. Its fix has the lines to write.
func Check(want, have workload.Spec) []proof.Check {
	differences := Differences(want, have)
	if len(differences) == 0 {
		return nil
	}
	lines, err := Of(want.Ref.Scope(), want).YAML(4)
	if err != nil {
		lines = err.Error() + "\n"
	}
	return []proof.Check{{
		Name: "placement", Reason: fault.WorkloadUnfit, Detail: "is another one than the catalog's: " + strings.Join(differences, "; "),
		Fix: "write\n" + lines + "and restart the agent: systemctl restart unidesk-agent",
	}}
}

// Differences returns what a host's placement of a workload has otherwise than
// wanted, a clause each; none if they are the same. Secrets and flags have no order.
func Differences(want, have workload.Spec) (list []string) {
	if !have.Placed() {
		return []string{"it says nothing but the service's name"}
	}
	differ := func(key string, want, have any) {
		if w, h := fmt.Sprint(want), fmt.Sprint(have); w != h {
			list = append(list, fmt.Sprintf("%s is %s, want %s", key, h, w))
		}
	}
	if want.Compose != nil && have.Compose != nil {
		differ("container", want.Compose.ContainerName, have.Compose.ContainerName)
		differ("image", want.Compose.Image, have.Compose.Image)
	}
	differ("keyPrefix", want.KeyPrefix, have.KeyPrefix)
	differ("secrets", slices.Sorted(slices.Values(want.Secrets)), slices.Sorted(slices.Values(have.Secrets)))
	differ("probe.port", want.Probe.Port, have.Probe.Port)
	differ("probe.path", want.Probe.Path, have.Probe.Path)
	differ("probe.flags", slices.Sorted(slices.Values(want.Probe.Flags)), slices.Sorted(slices.Values(have.Probe.Flags)))
	return list
}
