package fault

// Action is what to do next about a fault, for the program that a person uses to
// turn into a line to type. Code on a host names the action only: it does not know
// the command line of a controller that may be older or newer.
type Action string

// Actions that a fault can lead to. They cross the wire.
const (
	// Recover ends the changes that killed runs left.
	Recover Action = "RECOVER"
	// ListReceipts shows what was deployed.
	ListReceipts Action = "LIST_RECEIPTS"
	// RegistryHealth judges the managed registry.
	RegistryHealth Action = "REGISTRY_HEALTH"
	// RegistryStatus shows what the managed registry is like.
	RegistryStatus Action = "REGISTRY_STATUS"
)

// Actions returns all actions.
func Actions() []Action { return []Action{Recover, ListReceipts, RegistryHealth, RegistryStatus} }
