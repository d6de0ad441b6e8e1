package terminal

import (
	"fmt"
	"io"
	"sync"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Progress shows events on stderr as they come: a line for each point, and on a
// terminal a live bar for the transfer.
type Progress struct {
	out   io.Writer
	live  bool
	start time.Time

	mu    sync.Mutex
	bars  *mpb.Progress
	bar   *mpb.Bar
	moved time.Time // when the bar was last moved
	last  string
}

// NewProgress writes to out, which is stderr. terminal means that out is a terminal.
func NewProgress(out io.Writer, terminal bool) *Progress {
	return &Progress{out: out, live: terminal, start: time.Now()}
}

// Event shows one event. Several goroutines may call it.
func (p *Progress) Event(e workload.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.Point == workload.PointTransfer {
		p.transfer(e)
		return
	}
	line := fmt.Sprintf("%6.1fs  %s %s", time.Since(p.start).Seconds(), Point().Render(fmt.Sprintf("%-15s", e.Point)), e.Text)
	if key := string(e.Point) + e.Text; key != p.last { // a wait repeats itself
		p.last = key
		p.line(line)
	}
	if e.Point == workload.PointStaged {
		p.stop()
	}
}

// line prints above the bar where there is one.
func (p *Progress) line(s string) {
	if p.bars != nil {
		lipgloss.Fprintln(p.bars, legible(s))
		return
	}
	lipgloss.Fprintln(p.out, s)
}

func (p *Progress) transfer(e workload.Event) {
	if !p.live || e.Total == 0 {
		return
	}
	if p.bars == nil {
		p.bars = mpb.New(mpb.WithOutput(unfitted(p.out)), mpb.WithWidth(30), mpb.WithAutoRefresh())
		p.bar = p.bars.AddBar(e.Total,
			mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(decor.Name("         transfer        "), decor.CountersKiloByte("% .1f / % .1f ")),
			mpb.AppendDecorators(decor.EwmaSpeed(decor.SizeB1000(0), " % .1f", 30), decor.EwmaETA(decor.ET_STYLE_GO, 30, decor.WCSyncSpace)),
		)
		p.moved = time.Now()
	}
	now := time.Now()
	p.bar.EwmaSetCurrent(e.Done, now.Sub(p.moved))
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
