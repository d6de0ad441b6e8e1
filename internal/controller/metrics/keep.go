package metrics

import (
	"context"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/daemonlog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// every is the time between two writings of the textfile.
const every = time.Minute

// Keep writes the textfile at once and each minute until ctx ends, and keeps the counts of
// attempts beside the journal. It is for the process that watches: there is a single one. A
// failure is logged when it comes and when it is over, and stops nothing.
func (r *Reader) Keep(ctx context.Context, logger *slog.Logger) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	trouble := daemonlog.Trouble{Log: logger.With(slog.String("for", "metrics"))}
	for {
		now := r.keep(time.Now())
		for _, what := range slices.Sorted(maps.Keys(now)) {
			trouble.Became(what, now[what], slog.String("hint", fault.HintOf(now[what])))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// keep reads the facts and writes them, the counts before the textfile: a count that was shown
// outlives the journal. It returns what became of each part.
func (r *Reader) keep(now time.Time) map[string]error {
	f, became := r.Read(now), map[string]error{}
	for _, s := range Sources() {
		became[string(s)] = f.Unread[s]
	}
	became["counts"] = r.save()
	became["textfile"] = f.write(r.Config.Metrics.Textfile)
	return became
}

// save writes the counts of attempts if they are others than those on disk.
func (r *Reader) save() error {
	if slices.Equal(r.saved, r.tally.Counted) {
		return nil
	}
	err := r.tally.write(r.Config.AttemptsFile())
	if err == nil {
		r.saved = r.tally.Counted
	}
	return err
}

// write replaces the textfile, which every account reads. Not by Prometheus's own
// WriteToTextfile: that gives a mode to a name, in a folder of which node_exporter's account
// may be the owner.
func (f Facts) write(path string) error {
	text, err := f.Text()
	if err != nil {
		return err
	}
	if err := statefile.Replace(path, text, 0o644); err != nil {
		f := statefile.Fault(fault.Internal, filepath.Dir(path), "write metrics.textfile", err)
		if fault.HintOf(f) == "" {
			f = f.WithHint("`%s` shows who may write there; controller.yaml names the file", plain.Command("ls", "-ld", filepath.Dir(path)))
		}
		return f
	}
	return nil
}
