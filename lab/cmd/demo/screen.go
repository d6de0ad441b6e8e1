package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"charm.land/lipgloss/v2"
	"golang.org/x/term"
)

// lipgloss writes colours to a terminal only, and none with NO_COLOR.
var (
	head  = lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Cyan)
	typed = lipgloss.NewStyle().Bold(true)
	good  = lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Green)
	warn  = lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Yellow)
	bad   = lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Red)
	faint = lipgloss.NewStyle().Faint(true)
)

const (
	// width is what every terminal has.
	width = 80
	// patience is how long nothing may be printed.
	patience = 8 * time.Second
)

// screen prints the demo's story.
type screen struct {
	out   io.Writer
	start time.Time
	hide  string // the words that a real master's lines do not have

	mu   sync.Mutex
	last time.Time // when something was printed
}

func newScreen(out io.Writer) *screen {
	return &screen{out: out, start: time.Now(), last: time.Now()}
}

func (s *screen) line(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = time.Now()
	lipgloss.Fprintln(s.out, fmt.Sprintf(format, args...))
}

// shown is a text as a real master has it: its lines to type need no --config there.
func (s *screen) shown(text string) string { return strings.ReplaceAll(text, s.hide, "") }

// Write passes on what a command prints.
func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = time.Now()
	if _, err := io.WriteString(s.out, s.shown(string(b))); err != nil {
		return 0, err
	}
	return len(b), nil
}

// note prints what is being done, with the seconds since the beginning.
func (s *screen) note(format string, args ...any) {
	s.line("%s %s", faint.Render(fmt.Sprintf("%5.1fs", time.Since(s.start).Seconds())), fmt.Sprintf(format, args...))
}

// reassure prints now and then that something goes on, until stop is called.
func (s *screen) reassure(what string) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			s.mu.Lock()
			silent := time.Since(s.last)
			s.mu.Unlock()
			if silent >= patience {
				s.note("%s", what)
			}
		}
	}()
	return func() { close(done); <-ended }
}

func (s *screen) intro() {
	s.line("%s", head.Render("UniDesk artifact CD: a demo"))
	s.line(`
Two hosts are played on this machine, with the real things: D601 builds images
of pushed commits and has the registry, an agent and sshd; the master has Docker
with Compose and the service. They share nothing but one SSH connection.
It takes about a minute; the first time some more, until everything is built.
What it makes is its own (folder, ports, keys, names) and goes when it ends.
`)
}

// rule is a line across the screen with a title in it.
func (s *screen) rule(title string) {
	mark := "── " + title + " "
	s.line("\n%s", head.Render(mark+strings.Repeat("─", max(0, width-lipgloss.Width(mark)))))
}

// scene is the title of a scene and what to look at in it.
func (s *screen) scene(number, of int, title, look string) {
	s.rule(fmt.Sprintf("%d/%d  %s", number, of, title))
	s.line("%s %s\n", faint.Render("look at:"), look)
}

// command shows a command as a person would type it.
func (s *screen) command(c call) {
	text := strings.Join(append([]string{"unidesk-controller"}, c.args...), " ")
	if c.head > 0 {
		text += fmt.Sprintf(" | head -%d", c.head)
	}
	if at := strings.Index(text, " --"); len(text) > width-2 && at > 0 {
		s.line("%s", typed.Render("$ "+text[:at]+" \\"))
		s.line("%s", typed.Render("   "+text[at:]))
		return
	}
	s.line("%s", typed.Render("$ "+text))
}

// confirmed prints what the demo has found out by itself.
func (s *screen) confirmed(what string) { s.line("%s %s", good.Render("✓ checked:"), what) }

// shown is a line of the summary.
type shown struct {
	title, what string
	took        time.Duration
}

func (s *screen) summary(all []shown) {
	s.rule(fmt.Sprintf("All as promised, in %.0f seconds", time.Since(s.start).Seconds()))
	s.line("")
	for i, one := range all {
		s.line("%2d  %-26s %5.1f s  %s", i+1, one.title, one.took.Seconds(), one.what)
	}
	s.line(`
Where to go next
  README.md               what it refuses to do, a session, the trust boundary
  docs/configuration.md   controller.yaml and services.yaml for two hosts of your own
  go run ./lab/cmd/world  the same two hosts, to type commands in; it names the
                          agent's socket, which grpcurl can ask (README.md shows how)
  make test, make e2e     all the ways in which it may go wrong, tried
`)
}

// colours reports whether a child whose output is passed on may write colours.
func colours() bool {
	return os.Getenv("NO_COLOR") == "" && term.IsTerminal(int(os.Stdout.Fd())) && term.IsTerminal(int(os.Stderr.Fd()))
}

// commits shows what was pushed, as git log does.
func (s *screen) commits(r *releases) {
	s.line("\nPushed to the repository of the service, and being published one after the other:")
	for _, one := range r.all {
		s.line("  %s %s", short(one.commit), one.message)
	}
}
