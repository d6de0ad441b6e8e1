package contract

import (
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Recovery is the report of what Recover did for a service.
type Recovery struct {
	Service artifact.ServiceID `json:"service"`
	Env     artifact.Env       `json:"env"`
	Change  string             `json:"change,omitempty"`
	Commit  artifact.Commit    `json:"commit"`
	Action  Action             `json:"action"`
	Running workload.Running   `json:"running"`
	// Host is the host that could not be asked for anything, "" if there is none.
	Host string `json:"host,omitempty"`
	// Warnings are as in [Result].
	Warnings []string `json:"warnings,omitempty"`
	Failure  *Failure `json:"failure,omitempty"`
}

// Action is what was done.
type Action string

// The actions.
const (
	// TookBack: an unsettled change was reverted.
	TookBack Action = "took-back"
	// Recorded: a change that had ended, kept or reverted, has its receipt in force now.
	Recorded Action = "recorded"
	// Released: a container that held an image for a change that is over was removed.
	Released Action = "released"
	// Busy: a run that lives has the service; nothing was done.
	Busy Action = "busy"
	// Unreached: the service, or all of its host, could not be asked.
	Unreached Action = "unreached"
	// Failed: it could not be ended.
	Failed Action = "failed"
)
