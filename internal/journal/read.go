package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// State is whether a run goes on.
type State string

// The states.
const (
	// Running: the process that writes the run lives, and the run has not ended.
	Running State = "running"
	// Ended: the run has a line with its end.
	Ended State = "ended"
	// Killed: it has none, and no process writes it.
	Killed State = "killed"
)

// Run is what a file knows of a run.
type Run struct {
	ID      string             `json:"id"`
	Service artifact.ServiceID `json:"service"`
	Env     artifact.Env       `json:"env"`
	Commit  artifact.Commit    `json:"commit,omitzero"`
	Who     string             `json:"who,omitempty"`
	Command string             `json:"command,omitempty"`
	State   State              `json:"state"`
	// Started is when the run was begun, Last its newest line.
	Started time.Time `json:"started"`
	Last    Line      `json:"last"`
}

// Query selects runs. The zero value selects all.
type Query struct {
	Env     artifact.Env
	Service string
	// Newest is how many runs are read at most; 0 for all.
	Newest int
	// Skip, if not nil, receives the id of each run that is there. A run of which it returns
	// true is not read.
	Skip func(id string) bool
}

// Runs returns the runs, newest first. A file that cannot be read, or holds no run, is left
// out, and the error names it; the runs beside it are returned all the same.
func (j *Journal) Runs(q Query) (runs []Run, err error) {
	if err := j.closed(); err != nil {
		return nil, err
	}
	paths := j.paths(q.Env, q.Service)
	slices.SortFunc(paths, newestFirst)
	if q.Newest > 0 {
		paths = paths[:min(q.Newest, len(paths))]
	}
	var faults []error
	for _, path := range paths {
		if id, _ := runOf(path); q.Skip != nil && q.Skip(id) {
			continue
		}
		run, err := j.read(path, func(Line) {})
		switch {
		case errors.Is(err, fs.ErrNotExist): // swept meanwhile
		case err != nil:
			faults = append(faults, err)
		default:
			runs = append(runs, run)
		}
	}
	return runs, errors.Join(faults...)
}

// Lines returns a run and its lines.
func (j *Journal) Lines(id string) (Run, []Line, error) {
	path, err := j.find(id)
	if err != nil {
		return Run{}, nil, err
	}
	var lines []Line
	run, err := j.read(path, func(l Line) { lines = append(lines, l) })
	return run, lines, err
}

// find returns the file of a run.
func (j *Journal) find(id string) (string, error) {
	if err := j.closed(); err != nil {
		return "", err
	}
	paths := j.paths(0, "")
	i := slices.IndexFunc(paths, func(path string) bool { return filepath.Base(path) == id+suffix })
	if i < 0 {
		return "", fault.New(fault.ReceiptNotFound, "there is no run %.100q", id).
			WithHint("`unidesk-controller history --all` lists the runs; each is kept for %d days", KeptFor/(24*time.Hour))
	}
	return paths[i], nil
}

// closed fails if this account may not look into the folder: that it sees no run there does
// not mean that there is none.
func (j *Journal) closed() error {
	return filepath.WalkDir(j.dir, func(path string, _ fs.DirEntry, err error) error {
		if !errors.Is(err, fs.ErrPermission) {
			return nil // the reading meets another error, too
		}
		return statefile.Fault(fault.LedgerUnavailable, j.dir, "journal of runs", err).WithHint("%s", statefile.Admission(path))
	})
}

// read calls each with each line of a file.
func (j *Journal) read(path string, each func(Line)) (Run, error) {
	// Asked first: a run that ends meanwhile has its end in what is read then.
	held := busy(path)
	t, err := j.open(path)
	if err != nil {
		return Run{}, err
	}
	defer t.close()
	if err := t.next(each); err != nil {
		return Run{}, j.unavailable(err)
	}
	return t.run(held)
}

// busy reports whether a process writes a file, as far as this account can know.
func busy(path string) bool {
	held, err := statefile.Held(path)
	return held || err != nil
}

// tail reads a file as it grows.
type tail struct {
	file        *os.File
	path        string
	id          string
	started     time.Time
	left        int64 // bytes that are read yet
	buffer      *bufio.Reader
	part        []byte // the line that has no line break yet
	skip        bool   // of a line that is too long
	first, last Line   // of the run, so far
}

func (j *Journal) open(path string) (*tail, error) {
	id, _ := runOf(path)
	started, _ := ledger.Made(id)
	f, err := statefile.Open(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, j.unavailable(err)
	}
	return &tail{file: f, path: path, id: id, started: started, left: 2 * mostFile, buffer: bufio.NewReaderSize(f, mostLine)}, nil
}

func (t *tail) close() { _ = t.file.Close() }

// next calls each with each whole line of the run that was added since. It passes over
// anything else that the file holds.
func (t *tail) next(each func(Line)) error {
	for t.left > 0 {
		text, err := t.buffer.ReadSlice('\n')
		t.left -= int64(len(text))
		if t.part = append(t.part, text...); len(t.part) > mostLine {
			t.part, t.skip = nil, true
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", t.path, err)
		}
		if l, err := Decode(t.part); err == nil && !t.skip && t.holds(l) {
			if t.first.Run == "" {
				t.first = l
			}
			t.last = l
			each(l)
		}
		t.part, t.skip = t.part[:0], false
	}
	return nil
}

// holds reports whether a line is of the run that the file's path names.
func (t *tail) holds(l Line) bool {
	service := filepath.Dir(t.path)
	return l.Run == t.id && l.Service.String() == filepath.Base(service) && l.Env.String() == filepath.Base(filepath.Dir(service))
}

// run returns the run, by the lines that were read; a fault if none was. held: a process writes the file.
func (t *tail) run(held bool) (Run, error) {
	if t.first.Run == "" {
		return Run{}, fault.New(fault.LedgerUnavailable, "%s holds no line of the run that its path names", t.path).
			WithHint("another program wrote it, or the disk was full: look at it before you move it away")
	}
	state := Killed
	switch {
	case t.last.End != nil:
		state = Ended
	case held:
		state = Running
	}
	commit := t.first.Commit
	if commit.IsZero() { // a recovery knows it at its end
		commit = t.last.Commit
	}
	return Run{
		ID: t.id, Service: t.first.Service, Env: t.first.Env, Commit: commit, Who: t.first.Who, Command: t.first.Command,
		State: state, Started: t.started, Last: t.last,
	}, nil
}
