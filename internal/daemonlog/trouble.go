package daemonlog

import (
	"log/slog"
	"sync"
)

// Trouble logs what fails when it begins to fail, and when that is over. Goroutines may share
// it.
type Trouble struct {
	// Log names what the acts are for.
	Log *slog.Logger

	mu     sync.Mutex
	failed map[string]bool
}

// Became notes the result of an act, which has a name. attrs go beside an error.
func (t *Trouble) Became(what string, err error, attrs ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed == nil {
		t.failed = map[string]bool{}
	}
	switch {
	case err != nil && !t.failed[what]:
		t.Log.Error("it fails, and the watch goes on", append([]any{slog.String("what", what), slog.Any("err", err)}, attrs...)...)
	case err == nil && t.failed[what]:
		t.Log.Info("it works again", slog.String("what", what))
	}
	t.failed[what] = err != nil
}
