//go:build killpoints

package main

import (
	"os"
	"syscall"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// onEvent returns what kills this process, as kill -9 does, when the point named by
// UNIDESK_KILL_AT is reached, and what stops it at that of UNIDESK_STOP_AT until a
// signal continues it. Only the kill tests build with it.
func onEvent() func(workload.Event) {
	return func(e workload.Event) {
		if string(e.Point) == os.Getenv("UNIDESK_KILL_AT") {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // the signal is on its way
		}
		if string(e.Point) == os.Getenv("UNIDESK_STOP_AT") {
			_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		}
	}
}
