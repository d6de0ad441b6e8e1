package contract

// Decision is the outcome of a command, in one word.
type Decision string

// The decisions.
const (
	// DecidedRefused: the request itself is wrong; nothing was begun.
	DecidedRefused Decision = "refused"
	// DecidedContract: a dry run; nothing was contacted.
	DecidedContract Decision = "contract"
	// DecidedReady: every read-only check holds; --run-now would deploy.
	DecidedReady Decision = "ready"
	// DecidedStaged: the image is on its host, and nothing that runs was touched.
	DecidedStaged Decision = "staged"
	// DecidedBlocked: a check does not hold, in a plan as in a run; nothing that runs was
	// touched.
	DecidedBlocked Decision = "blocked"
	// DecidedUnsupported: the service cannot be brought live in this environment.
	DecidedUnsupported Decision = "unsupported"
	// DecidedGated: a gate stops the command; the result names what opens the gate.
	DecidedGated Decision = "gated"
	// DecidedDeprecated: the command is a legacy command; the result names the command to use.
	DecidedDeprecated Decision = "deprecated"
	// DecidedIncomplete: all that may be done is done; some services were skipped.
	DecidedIncomplete Decision = "incomplete"
	// DecidedSucceeded: the commit is live, and proven.
	DecidedSucceeded Decision = "succeeded"
	// DecidedUnchanged: the commit was live already, and is proven again.
	DecidedUnchanged Decision = "unchanged"
	// DecidedDegraded: the commit is live, but flags that were false before still are.
	DecidedDegraded Decision = "degraded"
	// DecidedReverted: the commit was not proven; what ran before runs again.
	DecidedReverted Decision = "reverted"
	// DecidedRevertFailed: neither version is proven live; the result names what to type.
	DecidedRevertFailed Decision = "revert-failed"
	// DecidedUnsettled: the host of an unsettled change does not answer any more. The
	// host reverts the change by itself, unless a run settles the change.
	DecidedUnsettled Decision = "unsettled"
	// DecidedFailed: before anything that runs was touched, something did not answer or an
	// act failed.
	DecidedFailed Decision = "failed"
	// DecidedInterrupted: a person stopped the command; the result names what runs.
	DecidedInterrupted Decision = "interrupted"
	// DecidedDrifted: what runs is not what the receipt proved.
	DecidedDrifted Decision = "drifted"
	// DecidedBusy: a deploy of the service is under way, so that what runs may still change.
	DecidedBusy Decision = "busy"
)
