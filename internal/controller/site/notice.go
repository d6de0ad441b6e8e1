package site

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/notify"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
)

const (
	// missedAfter is the time that a run has to make the claim of its own notice.
	missedAfter = time.Minute
	// missedWithin is how long before its start a watch looks for notices that were not sent.
	missedWithin = 10 * time.Minute
	// missedRuns is how many of the newest runs it looks at.
	missedRuns = 50
)

// Claims returns the claims of notices.
func (c Config) Claims() notify.Claims { return notify.OpenClaims(filepath.Join(c.State, "notices")) }

// SendNotice sends the notice of a run's last line if the configuration wants it and no other
// process sends it. The error names each delivery that failed.
func (c Config) SendNotice(ctx context.Context, l journal.Line, by notify.Sender) error {
	event, wanted := c.Notify.Wants(*l.End)
	if !wanted || l.Run == "" {
		return nil
	}
	claims := c.Claims()
	took, err := claims.Take(l.Run, by, time.Now())
	if err != nil {
		return fmt.Errorf("the notice of run %s is not sent: %w", l.Run, err)
	}
	if !took {
		return nil
	}
	var receipt *ledger.Receipt
	if id := l.End.Receipt; id != "" {
		if r, err := ledger.Open(c.LedgerDir()).Get(id); err == nil {
			receipt = &r
		}
	}
	notice := notify.About(event, l, receipt)
	notice.Rollback = remedy.Typed(notice.Rollback, c.Folder, nil)
	all := c.Notify.Send(ctx, notice)
	return errors.Join(claims.Close(l.Run, by, time.Now(), all), failures(all))
}

// SendDrift sends the notice of a drift if the configuration wants it. The error names each
// delivery that failed.
func (c Config) SendDrift(ctx context.Context, n notify.Notice) error {
	if !c.Notify.Sends(n.Event) {
		return nil
	}
	return failures(c.Notify.Send(ctx, n))
}

// failures returns an error that names each delivery that failed, nil if none did.
func failures(all []notify.Delivery) error {
	var faults []error
	for _, d := range all {
		if d.Error != "" {
			faults = append(faults, fmt.Errorf("the %s did not take a notice: %s", d.To, d.Error))
		}
	}
	return errors.Join(faults...)
}

// SendMissed sends, each minute until ctx ends, the notices of runs that ended and whose
// process was killed before it made their claim.
func (c Config) SendMissed(ctx context.Context, logger *slog.Logger) {
	if !c.Notify.Set() {
		return
	}
	since, over := time.Now().Add(-missedWithin), map[string]bool{}
	tick := time.NewTicker(missedAfter)
	defer tick.Stop()
	for {
		for _, l := range c.missed(since, time.Now(), over) {
			if err := c.SendNotice(ctx, l, notify.ByWatch); err != nil {
				logger.Error("a notice of a run that was killed", slog.Any("err", err))
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// missed returns the last lines of the runs that ended after since, and whose notice no
// process has claimed by now. It passes over the runs in over, and adds those that are judged.
func (c Config) missed(since, now time.Time, over map[string]bool) (lines []journal.Line) {
	runs, _ := journal.Open(c.RunsDir()).Runs(journal.Query{ // a file that cannot be read has no notice
		Newest: missedRuns, Skip: func(id string) bool { return over[id] },
	})
	for _, run := range runs {
		ended := run.Last.Time
		if run.State != journal.Ended || now.Sub(ended) < missedAfter {
			continue
		}
		over[run.ID] = true
		if ended.After(since) && c.Claims().Of(run.ID) == nil {
			lines = append(lines, run.Last)
		}
	}
	return lines
}
