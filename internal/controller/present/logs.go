package present

import (
	"fmt"
	"io"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/document"
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

// Followed is a line that a container printed. docs/output.md describes its JSON.
type Followed struct {
	OK        bool   `json:"ok"`
	Container string `json:"container"`
	Line      string `json:"line"`
}

// PrintOutput writes lines of a container's output as they come: for people the lines, in
// JSON an object for each.
func PrintOutput(out io.Writer, format, container string, lines []string) error {
	for _, line := range lines {
		text := []byte(line + "\n")
		if format == JSON {
			var err error
			if text, err = document.Line(Followed{true, container, line}); err != nil {
				return err
			}
		}
		if _, err := out.Write(text); err != nil {
			return err
		}
	}
	return nil
}
