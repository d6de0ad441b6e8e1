package corpus

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// goCommand runs the go command in a folder and returns what it printed.
func goCommand(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOTOOLCHAIN=local")
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w: %s %s", strings.Join(args, " "), err, bytes.TrimSpace(said.Bytes()), out)
	}
	return strings.TrimSpace(string(out)), nil
}

// download returns the folder of a module at a version. The proxy's checksum database vouches for its content.
func download(ctx context.Context, module string) (string, error) {
	// Outside of any module, so that no go.mod counts.
	out, err := goCommand(ctx, os.TempDir(), "mod", "download", "-json", module)
	if err != nil {
		return "", err
	}
	var got struct{ Dir string }
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		return "", err
	}
	if got.Dir == "" {
		return "", fmt.Errorf("%s: the go command names no folder", module)
	}
	return got.Dir, nil
}

// compile builds the go command itself. A changed build has a function more in a package that most others come after.
func compile(ctx context.Context, dir, into string, changed bool) error {
	root, err := goCommand(ctx, ".", "env", "GOROOT")
	if err != nil {
		return err
	}
	args := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", into}
	if changed {
		file := filepath.Join(root, "src", "cmd", "go", "internal", "str", "str.go")
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		text = append(text, "\n// Calls counts.\nvar Calls int\n\nfunc init() {\n\tif strings.Contains(\"a later commit\", \"later\") {\n\t\tCalls++\n\t}\n}\n"...)
		changedFile := filepath.Join(dir, "str.go")
		if err := os.WriteFile(changedFile, text, 0o644); err != nil {
			return err
		}
		overlay, err := json.Marshal(map[string]map[string]string{"Replace": {file: changedFile}})
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o644)
		}
		if err != nil {
			return err
		}
		args = append(args, "-overlay", filepath.Join(dir, "overlay.json"))
	}
	_, err = goCommand(ctx, filepath.Join(root, "src"), append(args, "cmd/go")...)
	return err
}

// reading is a reader that ends with a context.
type reading struct {
	ctx  context.Context //nolint:containedctx // it is used up in a call
	from io.Reader
}

func (r reading) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.from.Read(p)
}
