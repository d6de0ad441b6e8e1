package metrics

import (
	"errors"
	"io/fs"
	"path/filepath"
	"time"
)

// size is what the files of a folder come to. Two sizes of a folder whose files are only ever
// added are equal if nothing was added between.
type size struct {
	files  int
	bytes  int64
	newest time.Time
}

// sizeOf returns the size of a folder with all below; the zero size of a folder that is not
// there. Files that go meanwhile do not count.
func sizeOf(folder string) (s size, err error) {
	err = filepath.WalkDir(folder, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.Type().IsRegular() {
			return nil
		}
		var info fs.FileInfo
		if err == nil {
			info, err = d.Info()
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		s.files++
		s.bytes += info.Size()
		if info.ModTime().After(s.newest) {
			s.newest = info.ModTime()
		}
		return nil
	})
	return s, err
}
