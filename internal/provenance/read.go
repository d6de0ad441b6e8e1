package provenance

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
)

// maxFile bounds a summary, which has less than a kilobyte.
const maxFile = 64 << 10

// suffix ends the name of each file that is read.
const suffix = ".json"

// FileName is the name of the file that holds the summary of a service at a commit.
func FileName(service artifact.ServiceID, commit artifact.Commit) string {
	return service.String() + "-" + commit.String() + suffix
}

// Look reads the summary of an artifact in a folder and judges it. dir is "" if none is
// configured. It does not fail: what cannot be read leaves the artifact unverified, and
// the verdict has the reason.
func Look(dir string, want Wanted) Verdict {
	if dir == "" {
		return Verdict{Status: Unverified, Detail: "no folder of producers' summaries is configured"}
	}
	s, err := read(filepath.Join(dir, FileName(want.Service, want.Commit)))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Compare(nil, want)
	case err != nil:
		return Verdict{Status: Unverified, Detail: "the producer's summary cannot be read: " + err.Error()}
	}
	return Compare(s, want)
}

// Survey reads all that [Look] might read in a folder: how many files are summaries,
// and of each that is none its name and why. What does not end in .json, or begins with
// a dot, is another program's or not yet written. err is why the folder cannot be read.
func Survey(dir string) (good int, bad []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, nil, err
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), suffix)
		if !ok || strings.HasPrefix(name, ".") {
			continue
		}
		err := checkName(name)
		if err == nil {
			_, err = read(filepath.Join(dir, e.Name()))
		}
		if err != nil {
			bad = append(bad, e.Name()+": "+err.Error())
			continue
		}
		good++
	}
	return good, bad, nil
}

// checkName refuses a name that no artifact's summary has.
func checkName(name string) error {
	service, commit := name, ""
	if i := strings.LastIndexByte(name, '-'); i >= 0 {
		service, commit = name[:i], name[i+1:]
	}
	_, err := artifact.ParseServiceID(service)
	if err == nil {
		_, err = artifact.ParseCommit(commit)
	}
	if err != nil {
		return errors.New("its name is not SERVICE-FULL-SHA" + suffix + ", so that it is never read")
	}
	return nil
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
