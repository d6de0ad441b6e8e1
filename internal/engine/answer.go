package engine

import (
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Loaded is what an engine reports as loaded.
type Loaded struct {
	// References are name:tag, in Docker's short form.
	References []string
}

// line is a line of the answer of a load or a pull.
type line struct {
	Stream string
	Error  string
	// Status is what happens to the layer ID; ProgressDetail counts its bytes.
	Status         string
	ID             string
	ProgressDetail struct{ Current, Total int64 }
}

// readAnswer reads the answer of a load or a pull to its end, calling each for each line. A
// failure is in a line, not in the HTTP status (moby api/server/router/image, postImagesLoad).
func readAnswer(r io.Reader, each func(line)) (Loaded, error) {
	var loaded Loaded
	var failed error
	for dec := json.NewDecoder(r); ; {
		var l line
		if err := dec.Decode(&l); errors.Is(err, io.EOF) {
			return loaded, failed
		} else if err != nil {
			return loaded, errors.Join(failed, fault.Transient(fault.EngineFailed, "read the engine's answer: %w", err))
		}
		each(l)
		if l.Error != "" && failed == nil {
			failed = refused(l.Error)
		}
		for text := range strings.Lines(l.Stream) {
			text = strings.TrimSpace(text)
			if ref, ok := strings.CutPrefix(text, loadedPrefix); ok {
				loaded.References = append(loaded.References, ref)
			} else if strings.HasPrefix(text, unpackPrefix) && failed == nil {
				failed = refused(text)
			}
		}
	}
}

// MissingLayer finds in a failed load's error which layer's file the engine looked
// for and did not find, as an index into the archive's layers. The answer is a
// hint: it depends on the engine's wording.
func (a Archive) MissingLayer(err error) (int, bool) {
	r := (*Refusal)(nil)
	if !errors.As(err, &r) || !strings.Contains(r.Message, missingFile) {
		return 0, false
	}
	for i, l := range a.layers {
		if strings.Contains(r.Message, blobPath(a.fileOf(l))) {
			return i, true
		}
	}
	return 0, false
}
