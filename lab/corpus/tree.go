package corpus

import (
	"archive/tar"
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"
)

// tree is files of a folder, as COPY in a Dockerfile puts them into a layer.
type tree struct {
	dir string // on this machine
	at  string // in the image
	// built is when they were laid out: each file has a time within the four seconds after it, as a checkout gives.
	built time.Time
	skip  func(name string) bool // names below dir, with slashes
	edit  *edit
}

// edit puts a line into the middle of a file, later than the rest was built.
type edit struct {
	name, text string
	at         time.Time
}

func (t tree) write(ctx context.Context, w *tar.Writer) error {
	edited := t.edit == nil
	err := filepath.WalkDir(t.dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		name, err := filepath.Rel(t.dir, file)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if t.skip != nil && name != "." && t.skip(name) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if t.edit != nil && name == t.edit.name {
			edited = true
		}
		return t.entry(w, file, name, d)
	})
	if err == nil && !edited {
		err = fmt.Errorf("%s has no file %s to edit", t.dir, t.edit.name)
	}
	return err
}

func (t tree) entry(w *tar.Writer, file, name string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	link := ""
	if d.Type()&fs.ModeSymlink != 0 {
		if link, err = os.Readlink(file); err != nil {
			return err
		}
	}
	header, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return err
	}
	// Who owns a file here, and whether the module cache keeps it from being written, is no business of the image.
	*header = tar.Header{
		Typeflag: header.Typeflag, Name: path.Join(t.at, name), Linkname: header.Linkname, Size: header.Size,
		Mode: header.Mode | 0o644, ModTime: t.time(name),
	}
	if d.IsDir() {
		header.Name += "/"
		header.Mode = 0o755
	}
	if !d.Type().IsRegular() {
		return w.WriteHeader(header)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if t.edit != nil && name == t.edit.name {
		content, header.ModTime = t.edit.apply(content), t.edit.at
		header.Size = int64(len(content))
	}
	if err := w.WriteHeader(header); err != nil {
		return err
	}
	_, err = w.Write(content)
	return err
}

func (t tree) time(name string) time.Time {
	h := fnv.New64a()
	_, _ = io.WriteString(h, t.built.String()+name)
	return t.built.Add(time.Duration(h.Sum64()>>32%4) * time.Second)
}

// apply returns the content with the line in it.
func (e *edit) apply(content []byte) []byte {
	at := len(content) / 2
	for at < len(content) && content[at-1] != '\n' {
		at++
	}
	return append(append(append([]byte(nil), content[:at]...), e.text+"\n"...), content[at:]...)
}

// trees is a layer of several trees.
func trees(name, key string, lay func(ctx context.Context) ([]tree, error)) Recipe {
	return Recipe{Name: name, key: key, write: func(ctx context.Context, w io.Writer) error {
		all, err := lay(ctx)
		if err != nil {
			return err
		}
		t := tar.NewWriter(w)
		for _, one := range all {
			if err := one.write(ctx, t); err != nil {
				return err
			}
		}
		return t.Close()
	}}
}
