// Package patrol looks at the live services of this machine each minute, and reports once that
// what runs is not what was proven. It contacts no other host and asks no service for its
// health.
package patrol

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/overview"
	"github.com/pikasTech/unidesk-artifact-cd/internal/notify"
)

// every is the time between two looks.
const every = time.Minute

// Patrol is what is looked at, and who hears of it.
type Patrol struct {
	// Look returns the services as they are, and the questions that were not answered.
	Look func(ctx context.Context) ([]overview.Live, []inventory.Unasked)
	// Send sends the notice of a service that two looks in a row found down or drifted, once
	// until it is as proven again.
	Send func(ctx context.Context, n notify.Notice) error
	// Status receives a sentence about all services after each look.
	Status func(sentence string)
	Log    *slog.Logger

	seen     map[string]overview.State // by the look before
	reported map[string]overview.State
	unasked  string
}

// Run looks until ctx ends.
func (p *Patrol) Run(ctx context.Context) {
	p.seen, p.reported = map[string]overview.State{}, map[string]overview.State{}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		p.round(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (p *Patrol) round(ctx context.Context) {
	all, unasked := p.Look(ctx)
	if ctx.Err() != nil {
		return
	}
	for _, l := range all {
		p.judge(ctx, l)
	}
	p.complain(unasked)
	p.Status(sentence(all, unasked))
}

// judge compares a look at a service with the look before. What a run changes, and what could
// not be seen, is no news.
func (p *Patrol) judge(ctx context.Context, l overview.Live) {
	key := l.Service + " " + l.Env.String()
	before := p.seen[key]
	p.seen[key] = l.State
	logger := p.Log.With(slog.String("service", l.Service), slog.String("env", l.Env.String()), slog.String("state", string(l.State)))
	switch l.State {
	case overview.Down, overview.Drifted:
		if before != l.State || p.reported[key] == l.State {
			return
		}
		p.reported[key] = l.State
		logger.Warn("what runs is not what was proven", slog.String("runs", l.Seen), slog.String("proven", proven(l).String()))
		if err := p.Send(ctx, notice(l, time.Now())); err != nil {
			logger.Error("the notice of it", slog.Any("err", err))
		}
	case overview.Changing, overview.Unconfirmed, overview.Unknown:
	default:
		if p.reported[key] != "" {
			delete(p.reported, key)
			logger.Info("what runs is as it was proven again", slog.String("runs", l.Seen))
		}
	}
}

// complain logs the questions that were not answered, when they are others than before.
func (p *Patrol) complain(unasked []inventory.Unasked) {
	var words []string
	for _, u := range unasked {
		words = append(words, u.What+": "+u.Message)
	}
	if text := strings.Join(words, "; "); text != p.unasked {
		p.unasked = text
		if text != "" {
			p.Log.Warn("not all services can be seen", slog.String("unanswered", text))
		}
	}
}

// proven returns the commit that was proven last, the zero value if none was.
func proven(l overview.Live) (c artifact.Commit) {
	if l.Proven != nil {
		c = l.Proven.Commit
	}
	return c
}

// notice returns the notice of a service that is down or drifted.
func notice(l overview.Live, now time.Time) notify.Notice {
	service, _ := artifact.ParseServiceID(l.Service) // it is a row of the catalog
	return notify.Drift(service, l.Env, proven(l), l.Seen, now)
}

// sentence counts the services by their state.
func sentence(all []overview.Live, unasked []inventory.Unasked) string {
	count := map[overview.State]int{}
	for _, l := range all {
		count[l.State]++
	}
	var parts []string
	for _, s := range overview.States() {
		if n := count[s]; n > 0 && s != overview.None {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	if len(unasked) > 0 {
		parts = append(parts, fmt.Sprintf("%d unanswered", len(unasked)))
	}
	if len(parts) == 0 {
		return "watching, no service runs here"
	}
	return "watching: " + strings.Join(parts, ", ")
}
