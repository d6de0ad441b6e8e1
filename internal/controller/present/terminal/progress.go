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
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Form is how progress is shown.
type Form string

// The forms.
const (
	// Auto is TTY on a terminal, and Plain elsewhere.
	Auto Form = "auto"
	// TTY is a line for each point, and a live bar for the transfer.
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

// Progress shows the lines of runs on stderr as they come.
type Progress struct {
	out   io.Writer
	form  Form
	named bool

	mu    sync.Mutex
	start time.Time
	since map[string]time.Time // the first line of each run
	bars  *mpb.Progress
	bar   *mpb.Bar
	moved time.Time // when the bar was last moved
}

// NewProgress writes to out, which is stderr. terminal means that out is a terminal.
func NewProgress(out io.Writer, form Form, terminal bool) *Progress {
	if form == Auto {
		form = Plain
		if terminal {
			form = TTY
		}
	}
	return &Progress{out: out, form: form, start: time.Now(), since: map[string]time.Time{}}
}

// NameServices has each line begin with its service, and count its time from the first line
// of that service's run.
func (p *Progress) NameServices() { p.named = true }

// Line shows a line. kept means that the journal has the line, too: a line that it leaves
// out moves the bar and no more. Several goroutines may call Line.
func (p *Progress) Line(l journal.Line, kept bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.form == JSON && kept:
		if text, err := l.Encode(); err == nil {
			_, _ = unfitted(p.out).Write(text) // it acts on no terminal, and is no text for people
		}
	case p.form == JSON || p.form == Quiet || l.End != nil:
	case l.Point == workload.PointTransfer:
		p.transfer(l)
	case kept:
		p.point(l)
	}
}

func (p *Progress) point(l journal.Line) {
	p.line(fmt.Sprintf("%6.1fs  %s%s %s", p.seconds(l), p.name(l), Point().Render(fmt.Sprintf("%-15s", l.Point)), l.Text))
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
	if p.bars != nil {
		lipgloss.Fprintln(p.bars, legible(s))
		return
	}
	lipgloss.Fprintln(p.out, s)
}

func (p *Progress) transfer(l journal.Line) {
	if p.form != TTY || l.Total == 0 {
		return
	}
	if p.bars == nil {
		p.bars = mpb.New(mpb.WithOutput(unfitted(p.out)), mpb.WithWidth(30), mpb.WithAutoRefresh())
		p.bar = p.bars.AddBar(l.Total,
			mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(decor.Name(strings.Repeat(" ", 9)+p.name(l)+"transfer        "), decor.CountersKiloByte("% .1f / % .1f ")),
			mpb.AppendDecorators(decor.EwmaSpeed(decor.SizeB1000(0), " % .1f", 30), decor.EwmaETA(decor.ET_STYLE_GO, 30, decor.WCSyncSpace)),
		)
		p.moved = time.Now()
	}
	now := time.Now()
	p.bar.EwmaSetCurrent(l.Done, now.Sub(p.moved))
	p.moved = now
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
	p.stop()
}
