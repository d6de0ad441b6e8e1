package confirm

import (
	"encoding/json"
	"errors"
	"io/fs"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// secret is a file with the part of a change's state that holds secrets.
type secret struct {
	ChangeID string          `json:"changeId"`
	State    json.RawMessage `json:"state"`
}

// split takes the secrets out of the record and returns the content of their file, nil
// for none.
func (r *record[S]) split() ([]byte, error) {
	whole, ok := any(r.State).(Secretive[S])
	if !ok {
		return nil, nil
	}
	open, part, err := whole.Split()
	if err != nil {
		return nil, fault.New(fault.Internal, "encode the state of a change: %w", err)
	}
	r.State = open
	if part == nil {
		return nil, nil
	}
	b, err := json.Marshal(secret{ChangeID: r.Change.ID, State: part})
	if err != nil {
		return nil, fault.New(fault.Internal, "encode the state of a change: %w", err)
	}
	return append(b, '\n'), nil
}

// join gives the record its secrets, unless they are another account's.
func (s store[S]) join(ref workload.Ref, r *record[S]) error {
	open, ok := any(r.State).(Secretive[S])
	if !ok {
		return nil
	}
	path := s.path(ref, secretSuffix)
	b, err := s.readFile(path)
	if b == nil && err == nil || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return err
	}
	var part secret
	if err := json.Unmarshal(b, &part); err != nil {
		return foreign(path, errors.New("it is no JSON of ours")) // the error would quote it
	}
	if part.ChangeID != r.Change.ID {
		return nil
	}
	if r.State, err = open.Join(part.State); err != nil {
		return foreign(path, err)
	}
	return nil
}
