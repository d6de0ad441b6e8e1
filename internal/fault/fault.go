// Package fault is the only error that crosses packages and the wire. It describes what
// went wrong in a form that a program can act on (a reason and whether a retry can
// help) beside the sentence that a person reads. It imports nothing of this project.
//
// A fault never holds a secret: code that makes a fault from the output of another
// program scrubs that output first.
package fault

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Reason is a machine-readable cause, UPPER_SNAKE. Those that cross the wire are
// the Reason enum of proto/unidesk/artifact/v1/reason.proto without its prefix.
type Reason string

// Reasons that the agent can send.
const (
	CommitNotPinned       Reason = "COMMIT_NOT_PINNED"
	InvalidRequest        Reason = "INVALID_REQUEST"
	ArtifactNotFound      Reason = "ARTIFACT_NOT_FOUND"
	PlatformNotFound      Reason = "PLATFORM_NOT_FOUND"
	ArtifactInvalid       Reason = "ARTIFACT_INVALID"
	DigestMismatch        Reason = "DIGEST_MISMATCH"
	RegistryUnavailable   Reason = "REGISTRY_UNAVAILABLE"
	RoleMissing           Reason = "ROLE_MISSING"
	WorkloadNotFound      Reason = "WORKLOAD_NOT_FOUND"
	WorkloadUnfit         Reason = "WORKLOAD_UNFIT"
	Stale                 Reason = "STALE"
	ChangePending         Reason = "CHANGE_PENDING"
	DiskFull              Reason = "DISK_FULL"
	EngineUnavailable     Reason = "ENGINE_UNAVAILABLE"
	EngineFailed          Reason = "ENGINE_FAILED"
	ComposeFailed         Reason = "COMPOSE_FAILED"
	KubernetesUnavailable Reason = "KUBERNETES_UNAVAILABLE"
	RolloutFailed         Reason = "ROLLOUT_FAILED"
	CapabilityMissing     Reason = "CAPABILITY_MISSING"
	LabelMismatch         Reason = "LABEL_MISMATCH"
	ChangeNotFound        Reason = "CHANGE_NOT_FOUND"
	Busy                  Reason = "BUSY"
	PathRefused           Reason = "PATH_REFUSED"
	PortInUse             Reason = "PORT_IN_USE"
	RenderMismatch        Reason = "RENDER_MISMATCH"
	ImageUnavailable      Reason = "IMAGE_UNAVAILABLE"
	UnitFailed            Reason = "UNIT_FAILED"
	RevertFailed          Reason = "REVERT_FAILED"
	EnvFileInvalid        Reason = "ENV_FILE_INVALID"
	Internal              Reason = "INTERNAL"
)

// Reasons that only the controller gives.
const (
	Usage             Reason = "USAGE"
	Declined          Reason = "DECLINED"
	UnknownService    Reason = "UNKNOWN_SERVICE"
	Unsupported       Reason = "UNSUPPORTED"
	ConfigInvalid     Reason = "CONFIG_INVALID"
	Locked            Reason = "LOCKED"
	HostUnreachable   Reason = "HOST_UNREACHABLE"
	HostKeyMismatch   Reason = "HOST_KEY_MISMATCH"
	NotAnAgent        Reason = "NOT_AN_AGENT"
	Stalled           Reason = "STALLED"
	EnvKeyMissing     Reason = "ENV_KEY_MISSING"
	NotProven         Reason = "NOT_PROVEN"
	FailedBefore      Reason = "FAILED_BEFORE"
	Interrupted       Reason = "INTERRUPTED"
	RecoveryNeeded    Reason = "RECOVERY_NEEDED"
	TagMoved          Reason = "TAG_MOVED"
	ReceiptNotFound   Reason = "RECEIPT_NOT_FOUND"
	LedgerUnavailable Reason = "LEDGER_UNAVAILABLE"

	GrantInvalid           Reason = "GRANT_INVALID"
	GrantExpired           Reason = "GRANT_EXPIRED"
	GrantUsed              Reason = "GRANT_USED"
	GrantMismatch          Reason = "GRANT_MISMATCH"
	ProvenanceMissing      Reason = "PROVENANCE_MISSING"
	ProvenanceContradicted Reason = "PROVENANCE_CONTRADICTED"
	// The gates, each under its own name; a mode that is not live is Unsupported.
	ContractMismatch   Reason = "CONTRACT_MISMATCH"
	SupervisorRequired Reason = "SUPERVISOR_REQUIRED"
	UseDeployApply     Reason = "USE_DEPLOY_APPLY"
	PromoteFirst       Reason = "PROMOTE_FIRST"
	Deprecated         Reason = "DEPRECATED"
)

// Error is a failure with its reason. An outer fault that knows better wraps an inner
// fault.
type Error struct {
	// Reason is what a program decides by.
	Reason Reason
	// Retry is true if the same call may succeed later without any change: a cut
	// connection, a restarting registry.
	Retry bool
	// Hint is what to do about it, as a sentence; often empty. When it ends in a
	// line break, the action's line follows on a line of its own.
	Hint string
	// Action is what the hint leads to, "" for nothing that a program could do.
	Action Action
	// From is the host whose words the cause and the hint are, "" for those of this program.
	// Neither is to be taken for an instruction of this program: see [Says].
	From string
	// By names the run that stands in the way, and Until is how long it does so at least, by
	// the clock of its host; zero if there is no such run, or no such time is known.
	By    string
	Until time.Time
	// Err is the cause, in words for people: lower case, without the step that failed.
	Err error
}

// Error returns the cause's words.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// New returns a fault with a cause made in the manner of fmt.Errorf, %w included.
func New(reason Reason, format string, args ...any) *Error {
	return &Error{Reason: reason, Err: fmt.Errorf(format, args...)}
}

// Transient returns a fault that may pass by itself.
func Transient(reason Reason, format string, args ...any) *Error {
	e := New(reason, format, args...)
	e.Retry = true
	return e
}

// WithHint returns e with the hint set.
func (e *Error) WithHint(format string, args ...any) *Error {
	c := *e
	c.Hint = fmt.Sprintf(format, args...)
	return &c
}

// WithAction returns e with the action set.
func (e *Error) WithAction(a Action) *Error {
	c := *e
	c.Action = a
	return &c
}

// HeldBy returns e with By and Until set.
func (e *Error) HeldBy(run string, until time.Time) *Error {
	c := *e
	c.By, c.Until = run, until
	return &c
}

// HolderOf returns the run that the outermost fault in err's chain with such a run names,
// and until when; "" if there is none.
func HolderOf(err error) (run string, until time.Time) {
	for e := (*Error)(nil); errors.As(err, &e); err = e.Err {
		if e.By != "" {
			return e.By, e.Until
		}
	}
	return "", time.Time{}
}

// ReasonOf returns the outermost reason in err's chain, Internal when there is none.
func ReasonOf(err error) Reason {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Reason
	}
	return Internal
}

// HintOf returns the hint of the outermost fault in err's chain that has a hint or
// an action, or "". A host's hint is marked as such.
func HintOf(err error) string {
	e := advice(err)
	return Says(e.From, e.Hint)
}

// FromOf returns the host that the outermost fault in err's chain with such a host
// names, or "".
func FromOf(err error) string {
	for e := (*Error)(nil); errors.As(err, &e); err = e.Err {
		if e.From != "" {
			return e.From
		}
	}
	return ""
}

// Says returns a host's words with its name before each line, so that no line of them
// passes for a line of this program. Without a host the words are this program's.
func Says(host, words string) string {
	if host == "" || words == "" {
		return words
	}
	var b strings.Builder
	for line := range strings.Lines(words) {
		b.WriteString(host + " says: " + line)
	}
	return b.String()
}

// ActionOf returns the action of the same fault, or "".
func ActionOf(err error) Action { return advice(err).Action }

func advice(err error) Error {
	for e := (*Error)(nil); errors.As(err, &e); err = e.Err {
		if e.Hint != "" || e.Action != "" {
			return *e
		}
	}
	return Error{}
}

// Retryable reports whether the outermost fault in err's chain has Retry set.
func Retryable(err error) bool {
	e := (*Error)(nil)
	return errors.As(err, &e) && e.Retry
}
