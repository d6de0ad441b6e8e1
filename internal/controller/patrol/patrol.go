// Package patrol looks at the live services each minute, and reports once that what runs is not
// what was proven. It asks no service for its health.
package patrol

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/inventory"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/overview"
	"github.com/pikasTech/unidesk-artifact-cd/internal/notify"
)

const (
	// every is the time between two looks.
	every = time.Minute
	// rest is the least time before a look that a run asks for: several runs ask for one.
	rest = 2 * time.Second
)

// Patrol is what is looked at, and who hears of it.
type Patrol struct {
	// Look returns what is live, and the questions that were not answered.
	Look func(ctx context.Context) overview.Status
	// Seen, if not nil, receives each look, and a look after each value of Again.
	Seen  func(s overview.Status)
	Again <-chan struct{}
	// Send sends the notice of a service that two looks in a row found down or drifted, once
	// until it is as proven again.
	Send func(ctx context.Context, n notify.Notice) error
	// Status receives a sentence about all services after each look.
	Status func(sentence string)
	Log    *slog.Logger

	seen     map[string]overview.State // by the look before
	reported map[string]overview.State
	unasked  string
	registry *overview.Registry
	left     []overview.Interrupted
}

// Run looks until ctx ends.
func (p *Patrol) Run(ctx context.Context) {
	p.seen, p.reported = map[string]overview.State{}, map[string]overview.State{}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for ctx.Err() == nil {
		p.round(ctx)
		tick.Reset(every)
		p.wait(ctx, tick.C)
	}
}

// wait waits for the next round. Meanwhile it looks when a run asks for that: two rounds are a
// minute apart, and such a look is none.
func (p *Patrol) wait(ctx context.Context, next <-chan time.Time) {
	for {
		select {
		case <-next:
			return
		case <-p.Again:
			if !pause(ctx, rest) {
				return
			}
			p.look(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// pause waits, and returns false if ctx ends before.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// look looks, and returns false if ctx has ended.
func (p *Patrol) look(ctx context.Context) (s overview.Status, ok bool) {
	bounded, cancel := context.WithTimeout(ctx, every)
	defer cancel()
	s = p.Look(bounded)
	if ok = ctx.Err() == nil; ok && p.Seen != nil {
		p.Seen(s)
	}
	return s, ok
}

func (p *Patrol) round(ctx context.Context) {
	s, ok := p.look(ctx)
	if !ok {
		return
	}
	for _, l := range s.Services {
		p.judge(ctx, l)
	}
	p.complain(s.Unasked)
	p.decided(s.Registry)
	p.interrupted(s.Interrupted)
	p.Status(sentence(s))
}

// decided logs the registry's decision when it is another than before. A registry that was not
// asked, or did not answer, is no news here.
func (p *Patrol) decided(now *overview.Registry) {
	if now == nil || p.registry != nil && p.registry.Decision == now.Decision {
		return
	}
	attrs := []any{slog.String("host", now.Host), slog.String("decision", string(now.Decision)), slog.String("summary", now.Summary)}
	switch {
	case !now.OK:
		p.Log.Warn("the registry is not as it should be", attrs...)
	case p.registry != nil:
		p.Log.Info("the registry is as it should be again", attrs...)
	}
	p.registry = now
}

// interrupted logs each interrupted deploy once.
func (p *Patrol) interrupted(now []overview.Interrupted) {
	for _, i := range now {
		same := func(before overview.Interrupted) bool {
			return before.Service == i.Service && before.Env == i.Env && before.Holder == i.Holder
		}
		if !slices.ContainsFunc(p.left, same) {
			p.Log.Warn("a deploy was interrupted; its host reverts it at the deadline", slog.String("service", i.Service), slog.String("env", i.Env.String()),
				slog.String("commit", i.Commit.String()), slog.String("holder", i.Holder), slog.Time("deadline", i.Deadline))
		}
	}
	p.left = now
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
		logger.Warn("what runs is not what was proven", slog.String("runs", l.Running.Text), slog.String("proven", proven(l).String()))
		if err := p.Send(ctx, notice(l, time.Now())); err != nil {
			logger.Error("the notice of it", slog.Any("err", err))
		}
	case overview.Changing, overview.Unconfirmed, overview.Unknown, overview.NotAsked:
	default:
		if p.reported[key] != "" {
			delete(p.reported, key)
			logger.Info("what runs is as it was proven again", slog.String("runs", l.Running.Text))
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
	return notify.Drift(service, l.Env, proven(l), l.Running.Text, now)
}

// sentence counts the services by their state.
func sentence(seen overview.Status) string {
	count := map[overview.State]int{}
	for _, l := range seen.Services {
		count[l.State]++
	}
	var parts []string
	for _, s := range overview.States() {
		if n := count[s]; n > 0 && s != overview.None && s != overview.NotAsked {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	if n := len(seen.Unasked); n > 0 {
		parts = append(parts, fmt.Sprintf("%d unanswered", n))
	}
	if len(parts) == 0 {
		return "watching, no service runs here"
	}
	return "watching: " + strings.Join(parts, ", ")
}
