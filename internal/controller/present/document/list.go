package document

// List is what a command answers that lists things of a kind. docs/output.md describes its
// JSON. OK is false if something may be missing.
type List[T any] struct {
	OK    bool `json:"ok"`
	Items []T  `json:"items"`
}
