package workload

// Drift is how what runs differs from what its definition would make now.
type Drift struct {
	// Changed means that the container was made from another definition: its Compose files,
	// or values that they take, were edited since.
	Changed bool
	// Networks are those that Compose removes, to make them anew.
	Networks []Network
	// Volumes are those that are defined in another way than they were made. They stay as
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
