package journal

import (
	"path/filepath"
	"sync"

	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// mostFile is the size from which on a file takes only the end of its run, in bytes.
const mostFile = 4 << 20

// Writer appends the lines of this process's runs. Goroutines may share it.
type Writer struct {
	journal *Journal
	trouble func(error)
	most    int64 // of a file, see mostFile

	mu    sync.Mutex
	files map[string]*file // by run
	swept bool
	told  bool
}

// file is what a run is written to; lock is nil once it has ended, or cannot be written.
type file struct {
	lock *statefile.Lock
	size int64
}

// Writer returns a writer. It calls trouble once, with the first error of a line that could
// not be written.
func (j *Journal) Writer(trouble func(error)) *Writer {
	return &Writer{journal: j, trouble: trouble, most: mostFile, files: map[string]*file{}}
}

// Append writes a line that is of a run. The file of a run has the lock of the process that
// writes it, until the line with the run's end, which is on disk when Append returns. A file
// that could not be written once is left as it is.
func (w *Writer) Append(l Line) {
	if l.Run == "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	f, known := w.files[l.Run]
	if !known {
		f = &file{}
		w.files[l.Run] = f
		var err error
		if f.lock, err = w.begin(l); err != nil {
			w.fail(err)
		}
	}
	if f.lock == nil {
		return
	}
	if err := f.append(l, w.most); err != nil {
		w.fail(err)
		f.close()
	}
	if l.End != nil {
		f.close()
	}
}

// begin makes the file of a run. The first run of a writer sweeps the journal.
func (w *Writer) begin(l Line) (*statefile.Lock, error) {
	path, ok := w.journal.at(l.Env, l.Service, l.Run)
	if !ok {
		return nil, nil // not a run of this program's
	}
	if !w.swept {
		w.swept = true
		w.journal.sweep(l.Time)
	}
	if err := statefile.Folder(filepath.Dir(path), 0o750); err != nil {
		return nil, err
	}
	return statefile.CreateLocked(path, 0o640)
}

func (f *file) append(l Line, most int64) error {
	text, err := l.Encode()
	if err != nil || f.size+int64(len(text)) > most && l.End == nil {
		return err
	}
	n, err := f.lock.File().Write(text)
	f.size += int64(n)
	if err != nil || l.End == nil {
		return err
	}
	return f.lock.File().Sync()
}

func (f *file) close() {
	if f.lock != nil {
		_ = f.lock.Unlock() // what was written is written
		f.lock = nil
	}
}

// fail reports the first error.
func (w *Writer) fail(err error) {
	if !w.told {
		w.told = true
		w.trouble(w.journal.unavailable(err))
	}
}

// Close closes the files of runs that have not ended: their process writes no more.
func (w *Writer) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.files {
		f.close()
	}
}
