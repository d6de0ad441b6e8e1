package fault

// Action is what to do next about a fault, for the program that a person uses to
// turn into a line to type. Code on a host names the action only: it does not know
// the command line of a controller that may be older or newer.
type Action string

// Actions that a fault can lead to. They cross the wire.
const (
	// Recover ends the changes that killed runs left.
	Recover Action = "RECOVER"
	// RecoverAsRoot is Recover for an account that may not do all of it.
	RecoverAsRoot Action = "RECOVER_AS_ROOT"
	// ListReceipts shows what was deployed.
	ListReceipts Action = "LIST_RECEIPTS"
	// RegistryHealth judges the managed registry.
	RegistryHealth Action = "REGISTRY_HEALTH"
	// RegistryStatus shows what the managed registry is like.
	RegistryStatus Action = "REGISTRY_STATUS"
	// RegistryInstall makes the managed registry what is declared.
	RegistryInstall Action = "REGISTRY_INSTALL"
	// RegistryRender prints the files of the managed registry as they are declared.
	RegistryRender Action = "REGISTRY_RENDER"
	// ListServices shows the services of the catalog.
	ListServices Action = "LIST_SERVICES"
	// Examine looks for what is wrong with a set-up.
	Examine Action = "EXAMINE"
)

// Actions returns all actions.
func Actions() []Action {
	return []Action{Recover, RecoverAsRoot, ListReceipts, RegistryHealth, RegistryStatus, RegistryInstall, RegistryRender, ListServices, Examine}
}

// Mark returns what stands for the action's line within a text of the controller's
// machine; package remedy puts the line in its place. A text of a host has none: its
// fault names the action beside it.
func (a Action) Mark() string { return "{" + string(a) + "}" }
