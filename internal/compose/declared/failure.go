package declared

import (
	"errors"
	"os/exec"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/scrub"
)

// Install is what to do about a Compose plugin that is missing, or too old.
const Install = "install the docker-compose-plugin package (2.35 or later)"

// Failure returns the fault of a Compose command that ended with err and printed output,
// of which the secrets are taken out.
func Failure(err error, output []byte, secrets []string) error {
	text := Excerpt(output, secrets)
	if strings.Contains(text, "is not a docker command") || strings.Contains(text, "unknown shorthand flag") || strings.Contains(text, "unknown flag: --project-directory") {
		return fault.New(fault.ComposeFailed, "docker has no Compose plugin").WithHint(Install)
	}
	if strings.Contains(text, "unknown flag: --") {
		return fault.New(fault.ComposeFailed, "Compose is too old: %s", text).WithHint(Install)
	}
	exit := (*exec.ExitError)(nil)
	if !errors.As(err, &exit) {
		return fault.New(fault.ComposeFailed, "docker compose: %w", err)
	}
	return fault.New(fault.ComposeFailed, "docker compose ended with %s: %s", exit.ProcessState, text)
}

// shownLines is how many lines of a program's output a fault shows.
const shownLines = 12

// Excerpt returns the end of a program's output, without secrets. A warning about an
// unset variable is left out: in PASSWORD=ab$cdef its name is half a secret.
func Excerpt(output []byte, secrets []string) string {
	var lines []string
	for line := range strings.Lines(scrub.New(secrets).String(string(output))) {
		line = strings.TrimRight(line, " \t\r\n")
		if line != "" && !strings.Contains(line, "variable is not set") {
			lines = append(lines, plain.Line(line))
		}
	}
	return strings.Join(lines[max(0, len(lines)-shownLines):], "; ")
}
