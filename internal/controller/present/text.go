package present

import (
	"fmt"
	"io"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
)

// Printed is a file that a command prints. docs/output.md describes its JSON.
type Printed struct {
	File    string `json:"file"`
	Content string `json:"content"`
}

// File answers with a file's content.
func File(p Printed) Answer {
	return foreign(answer(ExitOK, p, func(out io.Writer, p Printed) error {
		_, err := io.WriteString(out, p.Content)
		return err
	}))
}

// Version answers with the controller's version.
func Version(version string) Answer {
	return answer(ExitOK, map[string]string{"version": version}, func(out io.Writer, _ map[string]string) error {
		_, err := fmt.Fprintln(out, version)
		return err
	})
}

// Nothing is the answer of a command that has printed what there was to print.
func Nothing() Answer { return Answer{text: func(io.Writer) error { return nil }} }

// Installed writes a step of the registry's installation that is done, on stderr.
func Installed(err io.Writer, after time.Duration, p registry.Progress) {
	newPrinter(err).Line("%s", installLine(after, p))
}
