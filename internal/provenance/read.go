package provenance

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
)

// maxFile bounds a summary; one has less than a kilobyte.
const maxFile = 64 << 10

// FileName is the name of the file that holds the summary of a service at a commit.
func FileName(service artifact.ServiceID, commit artifact.Commit) string {
	return service.String() + "-" + commit.String() + ".json"
}

// Look reads the summary of an artifact in a folder and judges it. dir is "" where
// none is configured. It does not fail: what cannot be read leaves the artifact
// unverified, and the verdict says why.
func Look(dir string, want Wanted) Verdict {
	if dir == "" {
		return Verdict{Unverified, "no folder of producers' summaries is configured"}
	}
	s, err := read(filepath.Join(dir, FileName(want.Service, want.Commit)))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Compare(nil, want)
	case err != nil:
		return Verdict{Unverified, "the producer's summary cannot be read: " + err.Error()}
	}
	return Compare(s, want)
}

// read is lenient about keys: a producer's may be more than ours.
func read(path string) (*Summary, error) {
	// NONBLOCK: a named pipe must not be waited for.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxFile {
		return nil, errors.New("it is larger than 64 KiB")
	}
	s := new(Summary)
	return s, json.Unmarshal(content, s)
}
