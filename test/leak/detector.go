package leak

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Detector remembers which secret was found where. It may be used from several
// goroutines.
type Detector struct {
	secrets []Secret

	mu       sync.Mutex
	found    map[string]bool
	searched int
}

// NewDetector looks for these.
func NewDetector(secrets ...Secret) *Detector {
	return &Detector{secrets: secrets, found: map[string]bool{}}
}

// Search looks for every form of every secret in what was printed.
func (d *Detector) Search(where string, said []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.searched += len(said)
	text := printed(said)
	for _, s := range d.secrets {
		if s.scrubber.Finds(text) {
			d.found[fmt.Sprintf("%s: %s (in text)", where, s.Name)] = true
			continue
		}
		for form, text := range s.forms {
			if bytes.Contains(said, text) {
				d.found[fmt.Sprintf("%s: %s (%s)", where, s.Name, form)] = true
				break // a plain value has many equal forms
			}
		}
	}
}

// printed returns the text within the bytes, with a bar between its parts. A part has eight
// characters of ASCII at least.
func printed(said []byte) string {
	var text strings.Builder
	for part := range bytes.FieldsFuncSeq(said, func(r rune) bool { return (r < ' ' && r != '\n' && r != '\t' && r != '\r') || r > '~' }) {
		if len(part) >= 8 {
			text.Write(part)
			text.WriteByte('|')
		}
	}
	return text.String()
}

// Complain adds a finding of another kind.
func (d *Detector) Complain(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.found[fmt.Sprintf(format, args...)] = true
}

// Found are the findings, and how many bytes were searched for them.
func (d *Detector) Found() (findings []string, searched int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for finding := range d.found {
		findings = append(findings, finding)
	}
	slices.Sort(findings)
	return findings, d.searched
}

// Run runs a command to its end and searches what it prints. An exit code that is not 0
// is no error.
func (d *Detector) Run(cmd *exec.Cmd) (exit int, stdout, stderr []byte, err error) {
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		return -1, nil, nil, err
	}
	name := strings.Join(cmd.Args, " ")
	d.Search("stdout of "+name, out.Bytes())
	d.Search("stderr of "+name, complaints.Bytes())
	return cmd.ProcessState.ExitCode(), out.Bytes(), complaints.Bytes(), nil
}

// SearchFiles looks into all files below a folder, and complains of those that every
// account may read. It shows each to see, and does not look into those that see accepts
// as holders of secrets: these only their owner may read.
func (d *Detector) SearchFiles(dir string, see func(path string, info fs.FileInfo) (mayHold bool)) {
	_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return nil // it was renamed meanwhile
		}
		info, err := e.Info()
		content, readErr := os.ReadFile(path)
		if err != nil || readErr != nil {
			return nil
		}
		others := fs.FileMode(0o007)
		if see(path, info) {
			others = 0o077
		} else {
			d.Search(path, content)
		}
		if info.Mode().Perm()&others != 0 {
			d.Complain("%s has mode %04o", path, info.Mode().Perm())
		}
		return nil
	})
}

// OfAChange reports whether the file is the part of a before-image that has the secrets
// of what ran before. It is there while the change is not settled.
func OfAChange(path string) bool { return strings.Contains(filepath.Base(path), ".secret.json") }

// Watch samples, until ctx ends, the command line of every process that this process
// can see, those in namespaces below its own too, and calls look besides. It shows each
// new line to see, with NUL after each argument.
func (d *Detector) Watch(ctx context.Context, see func(line string), look func()) {
	// A process has its own line soon after it began, and others have run for days:
	// each is looked at a number of times.
	const times = 20
	looked, known := map[string]int{}, map[string]bool{}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		processes, _ := os.ReadDir("/proc")
		alive := make(map[string]int, len(processes))
		for _, p := range processes {
			id := p.Name()
			if alive[id] = looked[id] + 1; alive[id] > times {
				continue
			}
			line, err := os.ReadFile(filepath.Join("/proc", id, "cmdline"))
			if err != nil || known[string(line)] {
				continue
			}
			known[string(line)] = true
			d.Search("a command line", line)
			see(string(line))
		}
		looked = alive
		look()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
