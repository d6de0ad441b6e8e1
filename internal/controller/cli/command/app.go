// Package command is what every command stands on: the words that all of them take, the
// streams that they write to, how they answer, and how they are stopped. It makes the exit
// code of a command line, once. It knows no command.
package command

import (
	"io"
	"log/slog"
	"os"

	"github.com/pikasTech/unidesk-artifact-cd/internal/build"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present/terminal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/daemonlog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Streams are what a command writes to and reads from.
type Streams struct {
	Out, Err io.Writer
	// In is what a person types; nil if stdin is no terminal.
	In io.Reader
	// Terminal means that Err is a terminal.
	Terminal bool
	// Stop, if not nil, gives a value for each interrupt: at the first the command ends as
	// well as it can, at the second at once.
	Stop <-chan os.Signal
}

// App is what the commands share.
type App struct {
	Streams
	// Version is this program's.
	Version string
	// ConfigDir and Format are the values of --config and --output, once the flags are parsed.
	ConfigDir, Format string
	// Probe may be nil: then nothing is asked past an agent that does not answer.
	Probe site.SSHProbe

	// stderr is Streams.Err as it was handed over.
	stderr io.Writer
	args   []string
	// progress is how progress is shown, command the words of the command line.
	progress terminal.Form
	command  string
	onEvent  func(workload.Event)
	acting   activity
	// maxRate is of what crosses from the registry's host.
	maxRate byteRate
	notices notices
}

// Log returns the log of a command that systemd keeps running.
func (a *App) Log() *slog.Logger {
	return daemonlog.New(a.stderr, slog.LevelInfo, slog.NewTextHandler(a.Err, nil))
}

// Build returns the build of this program.
func (a *App) Build() build.Info {
	info := build.Read()
	info.Version = a.Version
	return info
}

// New returns what the commands of a command line share. onEvent, if not nil, is called at
// each point of a deploy, after the point was printed.
func New(args []string, streams Streams, version string, onEvent func(workload.Event)) *App {
	a := &App{args: args, stderr: streams.Err, progress: terminal.Auto, Version: version, onEvent: onEvent, Probe: site.ProbeBySSH}
	a.fit(streams)
	return a
}

// fit makes every text of the streams fit for a terminal, and its lines to type ready
// to type. Words of a host, an image's label, a container's log or a command line appear
// and do nothing. Every command that prints prints through it.
func (a *App) fit(s Streams) {
	s.Out = terminal.Fitted(s.Out, func(text string) string { return a.typed(text, a.Format == present.JSON) })
	s.Err = terminal.Fitted(s.Err, func(text string) string { return a.typed(text, false) })
	a.Streams = s
}

// typed returns the text with --config in its lines to type, if it was given: each is
// about the same folder as this command.
func (a *App) typed(text string, inJSON bool) string {
	var form func(string) string
	if inJSON {
		form = remedy.InJSON // terminal makes the rest fit
	}
	return remedy.Typed(text, site.Named(a.ConfigDir), form)
}
