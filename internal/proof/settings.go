package proof

import (
	"fmt"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Settings checks that config.json has a value for each key of a config sync, and names
// the keys that go nowhere. Of a value only the length is shown.
func Settings(sync workload.ConfigSync, values workload.Values, nowhere []string) (checks []Check) {
	for _, key := range sync.Keys() {
		value, _ := values.Get(key)
		c := Check{Name: "config.json auth." + key, OK: value != "", Detail: fmt.Sprintf("present, %d bytes", len(value))}
		if !c.OK {
			c.Reason, c.Detail = fault.EnvKeyMissing, "is missing or empty, or is no text, number or boolean"
			c.Fix = "restore it on the master, or take the key out of authSync in services.yaml"
		}
		checks = append(checks, c)
	}
	if len(nowhere) > 0 {
		checks = append(checks, warn("config.json auth", strings.Join(nowhere, ", ")+" go nowhere: authSync names them neither as credentials nor as settings", ""))
	}
	return checks
}
