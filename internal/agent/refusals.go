package agent

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// refusalsEvery is how often the refusals of an account are worth a line.
const refusalsEvery = time.Minute

// refusals logs the first refusal of an account, and then their number: each line of a
// journal that an account can have written for nothing takes the place of another's.
type refusals struct {
	log *slog.Logger

	mu sync.Mutex
	of map[uint32]*refused
}

type refused struct {
	logged time.Time
	since  int // how many since the last line
}

func newRefusals(log *slog.Logger) *refusals {
	return &refusals{log: log, of: make(map[uint32]*refused)}
}

// note counts a refusal, and logs it if none of the account's was logged for a while.
func (r *refusals) note(ctx context.Context, uid uint32, why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	of := r.of[uid]
	if of == nil {
		of = &refused{}
		r.of[uid] = of
	}
	if time.Since(of.logged) < refusalsEvery {
		of.since++
		return
	}
	r.log.LogAttrs(ctx, slog.LevelWarn, "refused", slog.Uint64("uid", uint64(uid)), slog.String("reason", string(fault.ReasonOf(why))),
		slog.Any("err", why), slog.Int("since", of.since))
	*of = refused{logged: time.Now()}
}
