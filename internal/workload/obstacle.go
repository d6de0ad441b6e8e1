package workload

// Obstacle is what is in the way of a change on its host, and what to do about it; zero
// if there is nothing.
type Obstacle struct {
	What string `json:"what,omitempty"`
	Fix  string `json:"fix,omitempty"`
}
