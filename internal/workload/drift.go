package workload

// Drift is how what runs differs from what its definition would make now.
type Drift struct {
	// Changed means that the container was made from another definition: its Compose files,
	// or values that they take, were edited since.
	Changed bool
	// Networks are the networks that Compose would remove, to make them anew.
	Networks []Network
	// Volumes are the volumes whose definition differs from how they were made. They stay as
	// they are.
	Volumes []string
	// Unknown is why it could not be compared, "" if it was.
	Unknown string
}

// Network is a network of a Compose project.
type Network struct {
	Name string
	// Users are the running containers on it that are not the workload's.
	Users []string
}
