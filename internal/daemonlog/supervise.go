package daemonlog

import (
	"context"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Supervise reports to systemd that the program is ready, alive and stopping (sd_notify(3)),
// until ctx ends. Without systemd it only waits.
func Supervise(ctx context.Context, logger *slog.Logger) {
	notify := func(state string) { notify(logger, state) }
	notify(daemon.SdNotifyReady)
	defer notify(daemon.SdNotifyStopping)
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil || interval == 0 {
		<-ctx.Done()
		return
	}
	tick := time.NewTicker(interval / 2) // as sd_watchdog_enabled(3) recommends
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			notify(daemon.SdNotifyWatchdog)
		}
	}
}

// Status has `systemctl status` print a sentence about what the program does.
func Status(logger *slog.Logger, sentence string) { notify(logger, "STATUS="+sentence) }

// notify sends systemd a state of sd_notify(3).
func notify(logger *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		logger.Warn("notify systemd", slog.Any("err", err))
	}
}
