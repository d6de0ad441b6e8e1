package present

import (
	"fmt"
	"io"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
)

// Tailed is what logs answers. docs/output.md describes its JSON.
type Tailed struct {
	OK        bool               `json:"ok"`
	Service   artifact.ServiceID `json:"service"`
	Env       artifact.Env       `json:"env"`
	Host      string             `json:"host"`
	Container string             `json:"container"`
	Runs      bool               `json:"runs"`
	// Lines are the last lines, scrubbed of the secrets that the service was given.
	Lines []string `json:"lines"`
}

// Logs answers with the last lines of a service's output.
func Logs(t Tailed) Answer {
	return Foreign(NewAnswer(ExitOK, t, func(out io.Writer, t Tailed) error {
		for _, line := range t.Lines {
			if _, err := fmt.Fprintln(out, line); err != nil {
				return err
			}
		}
		return nil
	}))
}
