package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// findRepo walks up to the module's root: the lab runs in a checkout, from which
// it takes the sample, the product's source and its own scripts.
func findRepo() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "sample", "compose.yaml")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("the lab runs inside a checkout of the repository, and this is none")
		}
		dir = parent
	}
}

// prepare installs and builds what the machine lacks. With nothing missing it
// costs a moment. It returns the folder of the registry and the compose plugin.
func prepare(ctx context.Context, repo string) (tools string, err error) {
	for _, argv := range [][]string{
		{filepath.Join(repo, "lab/setup.sh"), "engine", "sshd"},
		{filepath.Join(repo, "lab/tools/build.sh"), "--installed", "compose", "registry"},
	} {
		cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
		cmd.Dir, cmd.Stderr = repo, os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return "", fmt.Errorf("prepare the machine: %s: %w", strings.Join(argv, " "), err)
		}
		tools = strings.TrimSpace(string(out))
	}
	return tools, nil
}

// builder builds the module's commands. They are built in the cache, where the
// toolchain sees that nothing has changed and links nothing, and copied from
// there: another lab may build other sources meanwhile.
type builder struct {
	repo, cache, bin string
}

// build leaves the program in the bin folder, built from pkg.
func (b builder) build(ctx context.Context, program, pkg string, tags ...string) error {
	err := b.try(ctx, program, pkg, tags)
	if err != nil {
		return fmt.Errorf("build %s: %w", program, err)
	}
	return nil
}

func (b builder) try(ctx context.Context, program, pkg string, tags []string) error {
	shelf := filepath.Join(b.cache, "product", strings.Join(append([]string{program}, tags...), "-"))
	if err := os.MkdirAll(shelf, 0o755); err != nil {
		return err
	}
	unlock, err := lockFolder(shelf)
	if err != nil {
		return err
	}
	defer unlock()
	built := filepath.Join(shelf, program)
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-tags", strings.Join(tags, ","), "-o", built, pkg)
	cmd.Dir, cmd.Env = b.repo, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return copyProgram(built, filepath.Join(b.bin, program))
}
