package confirmtest

// Step is a moment of an act at which it can break off.
type Step string

// The steps. An act that breaks off at a step has not done that step.
const (
	Retag     Step = "retag"
	Configure Step = "configure"
	Remove    Step = "remove the old container"
	Create    Step = "create the new container"
	Start     Step = "start the new container"
	Report    Step = "report"
	PutEnv    Step = "put the env back"
	PutBack   Step = "put the container back"
	PutStart  Step = "start the old version"
	PutName   Step = "put the name back"
)

// ApplySteps returns all steps of Apply, in their order.
func ApplySteps() []Step { return []Step{Retag, Configure, Remove, Create, Start, Report} }

// RestoreSteps returns all steps of Restore, in their order.
func RestoreSteps() []Step { return []Step{PutEnv, PutBack, PutStart, PutName} }
