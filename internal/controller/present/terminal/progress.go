package terminal

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Form is how progress is shown.
type Form string

// The forms.
const (
	// Auto is TTY on a terminal, and Plain elsewhere.
	Auto Form = "auto"
	// TTY is a line for each point, and a live bar for bytes that move.
	TTY Form = "tty"
	// Plain is a line for each point.
	Plain Form = "plain"
	// JSON is the lines of the journal.
	JSON Form = "json"
	// Quiet is nothing.
	Quiet Form = "quiet"
)

// Forms returns all forms.
func Forms() []Form { return []Form{Auto, TTY, Plain, JSON, Quiet} }

// ParseForm accepts the name of a form. It returns USAGE for another name, and from, which
// is the flag or the variable that has it.
func ParseForm(from, s string) (Form, error) {
	if !slices.Contains(Forms(), Form(s)) {
		return "", fault.New(fault.Usage, "%s %s: it is auto, tty, plain, json or quiet", from, s)
	}
	return Form(s), nil
}

// silence is the longest time without a line while a run goes on.
const silence = 10 * time.Second

// Progress shows the lines of runs on stderr as they come. If none comes for a while, it
// shows that, too.
type Progress struct {
	out   io.Writer
	form  Form
	named bool

	mu    sync.Mutex
	start time.Time
	since map[string]time.Time // the first line of each run
	bars  *mpb.Progress
	bar   *mpb.Bar
	of    workload.Point // what the bar shows
	moved time.Time      // when the bar was last moved

	running map[string]journal.Line // the last line of each run that goes on, by its key
	quiet   *time.Timer             // runs out when nothing was shown for as long as silence
}

// NewProgress writes to out, which is stderr. terminal means that out is a terminal.
func NewProgress(out io.Writer, form Form, terminal bool) *Progress {
	if form == Auto {
		form = Plain
		if terminal {
			form = TTY
		}
	}
	return &Progress{out: out, form: form, start: time.Now(), since: map[string]time.Time{}, running: map[string]journal.Line{}}
}

// NameServices has each line begin with its service, and count its time from the first line
// of that service's run.
func (p *Progress) NameServices() { p.named = true }

// Line shows a line. kept means that the journal has the line, too: a line that it leaves
// out moves the bar and no more. Several goroutines may call Line.
func (p *Progress) Line(l journal.Line, kept bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listen(l)
	switch {
	case p.form == JSON && kept:
		if text, err := l.Encode(); err == nil {
			_, _ = unfitted(p.out).Write(text) // it acts on no terminal, and is no text for people
		}
	case p.form == JSON || p.form == Quiet || l.End != nil:
	case l.Total > 0 && p.form == TTY:
		p.move(l)
	case l.Total > 0: // shown when the time is over
	case kept:
		p.point(l)
	}
}

// Step shows a step of a command that deploys nothing.
func (p *Progress) Step(name, text string) { p.step(name, text, true) }

// Begin notes a step of such a command that begins. It is shown if it goes on for a while.
func (p *Progress) Begin(name, text string) { p.step(name, text, false) }

func (p *Progress) step(name, text string, show bool) {
	p.Line(journal.Line{Time: time.Now().UTC(), Point: workload.Point(name), Text: text}, show)
}

// listen notes that a line came.
func (p *Progress) listen(l journal.Line) {
	if p.form == JSON || p.form == Quiet {
		return
	}
	if l.End == nil {
		p.running[l.Key()] = l
	} else {
		delete(p.running, l.Key())
	}
	if len(p.running) == 0 {
		p.hush()
	} else if p.quiet == nil {
		p.quiet = time.AfterFunc(silence, p.still)
	}
}

// heard notes that something is shown.
func (p *Progress) heard() {
	if p.quiet != nil {
		p.quiet.Reset(silence)
	}
}

// hush ends what listen began.
func (p *Progress) hush() {
	if p.quiet != nil {
		p.quiet.Stop()
	}
	p.quiet = nil
}

// still shows that the run goes on, though no line comes.
func (p *Progress) still() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.quiet == nil {
		return
	}
	var l journal.Line
	for _, of := range p.running {
		if of.Time.After(l.Time) {
			l = of
		}
	}
	now := time.Now().UTC()
	text, _, _ := strings.Cut(l.Text, "\n")
	if l.Total > 0 {
		text = plain.Size(l.Done) + " of " + plain.Size(l.Total)
	}
	if quiet := now.Sub(l.Time); quiet >= silence {
		text += fmt.Sprintf("; no news for %.0f s", quiet.Seconds())
	}
	l.Text, l.Time = text, now
	p.point(l)
}

func (p *Progress) point(l journal.Line) {
	text, name := worded(p.out)(l.Text), p.name(l) // which makes it longer
	if p.form == TTY {
		begin := len("123456s  ") + len(name) + len("preflight  ")
		text = strings.ReplaceAll(fold(text, columns(p.out)-begin), "\n", "\n"+strings.Repeat(" ", begin))
	}
	p.line(fmt.Sprintf("%6.1fs  %s%s %s", p.seconds(l), name, Point().Render(fmt.Sprintf("%-10s", plain.Label(l.Point))), text))
	if l.Point == workload.PointStaged {
		p.stop()
	}
}

// seconds is how long the command has run, or the run of the service that is named.
func (p *Progress) seconds(l journal.Line) float64 {
	if !p.named {
		return time.Since(p.start).Seconds()
	}
	began, known := p.since[l.Key()]
	if !known {
		began = l.Time
		p.since[l.Key()] = began
	}
	return l.Time.Sub(began).Seconds()
}

// name returns the beginning of a line that names its service.
func (p *Progress) name(l journal.Line) string {
	if !p.named {
		return ""
	}
	return fmt.Sprintf("%-20s ", l.Service)
}

// line prints above the bar if there is a bar.
func (p *Progress) line(s string) {
	p.heard()
	if p.bars != nil {
		lipgloss.Fprintln(p.bars, legible(worded(p.out)(s)))
		return
	}
	lipgloss.Fprintln(p.out, s)
}

// move moves the bar of the point, which takes the place of another point's.
func (p *Progress) move(l journal.Line) {
	if p.of != l.Point {
		p.stop()
	}
	if p.bars == nil {
		p.of = l.Point
		p.bars = mpb.New(mpb.WithOutput(unfitted(p.out)), mpb.WithWidth(30), mpb.WithAutoRefresh())
		p.bar = p.bars.AddBar(0, // of a total that may grow
			mpb.PrependDecorators(decor.Name(fmt.Sprintf("%9s%s%-11s", "", p.name(l), plain.Label(l.Point))), decor.CountersKiloByte("% .1f / % .1f ")),
			mpb.AppendDecorators(decor.EwmaSpeed(decor.SizeB1000(0), " % .1f", 30), decor.EwmaETA(decor.ET_STYLE_GO, 30, decor.WCSyncSpace)),
		)
		p.moved = time.Now()
	}
	now := time.Now()
	p.bar.SetTotal(l.Total, false)
	p.bar.EwmaSetCurrent(l.Done, now.Sub(p.moved))
	p.moved = now
	p.heard()
}

// stop takes the bar off the screen.
func (p *Progress) stop() {
	if p.bars == nil {
		return
	}
	p.bar.Abort(true)
	p.bars.Wait()
	p.bars, p.bar = nil, nil
}

// Close takes the bar off the screen. It may be called twice.
func (p *Progress) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hush()
	p.stop()
}
