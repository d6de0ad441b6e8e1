package registry

import (
	"context"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
)

// Step is a step of an installation.
type Step string

// The steps in their order, as the contract's enum names them.
const (
	StepCheck   Step = "CHECK"
	StepImage   Step = "IMAGE"
	StepFolder  Step = "FOLDER"
	StepFile    Step = "FILE"
	StepReload  Step = "RELOAD"
	StepEnable  Step = "ENABLE"
	StepStart   Step = "START"
	StepVerify  Step = "VERIFY"
	StepRestore Step = "RESTORE"
)

// Progress reports a step that is done.
type Progress struct {
	Step Step `json:"step"`
	// Target is what it was about: a path, an image, a unit.
	Target  string `json:"target"`
	Changed bool   `json:"changed"`
	// Kept is the path of the replaced content, "" if there was none.
	Kept string `json:"kept,omitempty"`
}

// Installed ends an installation whose steps all worked.
type Installed struct {
	// Changes counts the steps that changed something.
	Changes int   `json:"changes"`
	Facts   Facts `json:"facts"`
}

// Hashes are the SHA-256 of the three files.
type Hashes map[FileName]artifact.Digest

// Host is what an installation acts on. Each act is idempotent.
type Host interface {
	// Inspect reads what there is. What cannot be read is in [Facts.Unread].
	Inspect(ctx context.Context, s Settings) (Facts, error)
	// HaveImage makes sure that the engine has the image, and pulls it if missing;
	// IMAGE_UNAVAILABLE when it cannot be pulled.
	HaveImage(ctx context.Context, ref string) (pulled bool, err error)
	// MakeFolder makes a folder and those that lead to it, each with the owner of its
	// parent. PATH_REFUSED when something else is in the way.
	MakeFolder(ctx context.Context, path string) (made bool, err error)
	// ReadFile returns a regular file's content, nil when nothing is there.
	// PATH_REFUSED for anything else.
	ReadFile(ctx context.Context, path string) ([]byte, error)
	// WriteFile puts content at path, durably, whole or not at all, with mode 0644
	// and the owner of the folder. No symbolic link is followed on the way.
	WriteFile(ctx context.Context, path string, content []byte) error
	// RemoveFile removes a file; none is no error.
	RemoveFile(ctx context.Context, path string) error
	// Reload lets systemd read its units again.
	Reload(ctx context.Context) error
	// Enable enables a unit, Disable reverts that.
	Enable(ctx context.Context, unit string) (changed bool, err error)
	Disable(ctx context.Context, unit string) error
	// Restart starts a unit, stopping it first if it is active, and Stop stops it.
	// UNIT_FAILED when systemd reports a failure.
	Restart(ctx context.Context, unit string) error
	Stop(ctx context.Context, unit string) error
}
