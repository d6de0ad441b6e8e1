// Package daemonlog is the log of a program that systemd keeps running: in the journal with
// priorities and fields, elsewhere as its caller wants it.
package daemonlog

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"syscall"

	slogjournal "github.com/systemd/slog-journal"
)

// New returns a log on stderr. If stderr is the journal (systemd.exec(5), JOURNAL_STREAM), each
// line has its priority, and its attributes as fields with names in capitals, such as CHANGE;
// its message has them, too, as `key=value`, since journalctl prints messages. Elsewhere the
// log goes to a handler.
func New(stderr io.Writer, level slog.Leveler, elsewhere slog.Handler) *slog.Logger {
	if isJournal(stderr, os.Getenv("JOURNAL_STREAM")) {
		if fields, err := slogjournal.NewHandler(&slogjournal.Options{Level: level, ReplaceAttr: capitals, ReplaceGroup: name}); err == nil {
			return slog.New(newHandler(fields))
		}
	}
	return slog.New(elsewhere)
}

// isJournal reports whether a stream is the file that the variable names by device and inode.
func isJournal(stream io.Writer, variable string) bool {
	f, ok := stream.(*os.File)
	if !ok || variable == "" {
		return false
	}
	info, err := f.Stat()
	if err != nil {
		return false
	}
	is, ok := info.Sys().(*syscall.Stat_t)
	return ok && variable == fmt.Sprintf("%d:%d", is.Dev, is.Ino)
}

// capitals gives an attribute a name that the journal accepts.
func capitals(_ []string, a slog.Attr) slog.Attr {
	a.Key = name(a.Key)
	return a
}

func name(key string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToUpper(key))
}

// handler hands lines to the journal with their attributes in the message, too.
type handler struct {
	fields slog.Handler
	// text returns a handler that writes `key=value` for each attribute.
	text func(w io.Writer) slog.Handler
}

func newHandler(fields slog.Handler) handler {
	return handler{fields, func(w io.Writer) slog.Handler {
		return slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug - 100, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
				return slog.Attr{}
			}
			return a
		}})
	}}
}

// Enabled implements [slog.Handler].
func (h handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.fields.Enabled(ctx, level)
}

// Handle implements [slog.Handler].
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	var attrs bytes.Buffer
	if err := h.text(&attrs).Handle(ctx, r); err != nil {
		return err
	}
	with := r.Clone()
	if words := strings.TrimSpace(attrs.String()); words != "" {
		with.Message += " " + words
	}
	return h.fields.Handle(ctx, with)
}

// WithAttrs implements [slog.Handler].
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.fields.WithAttrs(attrs), func(w io.Writer) slog.Handler { return h.text(w).WithAttrs(attrs) }}
}

// WithGroup implements [slog.Handler].
func (h handler) WithGroup(group string) slog.Handler {
	return handler{h.fields.WithGroup(name(group)), func(w io.Writer) slog.Handler { return h.text(w).WithGroup(group) }}
}
