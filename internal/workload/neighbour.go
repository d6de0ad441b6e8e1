package workload

import "time"

// Neighbour is an instance on the workload's engine, or in its namespace, mostly another
// workload's. Its facts show whether a deploy left it alone.
type Neighbour struct {
	ID   string
	Name string
	// Scope and Group are Compose's project and service, "" if Compose did not make it;
	// or the pod's namespace and the Deployment that made it, "" if none did.
	Scope   string
	Group   string
	Running bool
	// Started is zero if it does not run.
	Started time.Time
	// Restarts counts how often the engine itself started it again.
	Restarts int
	// AutoRemove means that the engine removes it when it ends (docker run --rm).
	AutoRemove bool
	// Exited is the exit code; nil if it runs, was never started, or if its host does not
	// report it.
	Exited *int
	// KeptRunning means that the engine starts it again when it ends by itself.
	KeptRunning bool
	// Restarting means that it keeps ending and being started again, or did so in the last
	// minutes.
	Restarting bool
	// Shares are what it has from other containers.
	Shares []Share
	// Volumes are the named volumes that are mounted into it.
	Volumes []string
}

// Restless is how long after a restart a container counts as restarting again and
// again: more than the longest wait between two restarts, five minutes in Kubernetes.
const Restless = 10 * time.Minute

// Share is what a container has from another container.
type Share struct {
	// What is "network", "ipc", "pid" or "volumes".
	What string
	// With is the other container's id, or its name if the engine keeps no id.
	With string
}

// Of reports whether the neighbour is an instance of the workload itself.
func (n Neighbour) Of(ref Ref) bool { return n.Scope == ref.Scope() && n.Group == ref.Name() }
