package registry

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
)

// Facts are what a host saw of its registry in a single read.
type Facts struct {
	At time.Time `json:"at"`
	// Unit is nil if systemd did not answer, Engine if no engine did, ContainerFacts if
	// there is no container of the name.
	Unit      *UnitFacts      `json:"unit,omitempty"`
	Engine    *EngineFacts    `json:"engine,omitempty"`
	Container *ContainerFacts `json:"container,omitempty"`
	// Listeners are the addresses that the host listens on at the endpoint's port.
	Listeners []netip.AddrPort `json:"listeners"`
	API       APIFacts         `json:"api"`
	Storage   StorageFacts     `json:"storage"`
	// Files has an entry for each of [FileNames].
	Files map[FileName]FileFacts `json:"files"`
	// Unread has the reasons why parts are absent that should be there, a line each.
	Unread []string `json:"unread,omitempty"`
	// Unseen are the parts that could not be read, or not wholly. What is not here of
	// such a part is not known.
	Unseen []Part `json:"unseen,omitempty"`
}

// Part is what a host reads of its registry at once.
type Part string

// The parts.
const (
	PartUnit      Part = "systemd"
	PartEngine    Part = "engine"
	PartListeners Part = "listeners"
	PartAPI       Part = "api"
	PartStorage   Part = "storage"
	PartFiles     Part = "files"
)

// Parts are all of them.
func Parts() []Part {
	return []Part{PartUnit, PartEngine, PartListeners, PartAPI, PartStorage, PartFiles}
}

// PartsIn finds the parts in lines of [Facts.Unread], which begin with them.
func PartsIn(unread []string) (parts []Part) {
	for _, line := range unread {
		name, _, _ := strings.Cut(line, ": ")
		if p := Part(name); slices.Contains(Parts(), p) {
			parts = append(parts, p)
		}
	}
	return parts
}

// Lacks reports whether the part could not be read.
func (f Facts) Lacks(p Part) bool { return slices.Contains(f.Unseen, p) }

// UnitFacts are systemd's words (org.freedesktop.systemd1(5)).
type UnitFacts struct {
	Load   string `json:"load"`   // loaded, not-found, masked, bad-setting, error
	Active string `json:"active"` // active, inactive, failed, activating, …
	File   string `json:"file"`   // enabled, disabled, masked, …; "" without a file
	// NeedsReload is true if the file changed since systemd read it.
	NeedsReload bool `json:"needsReload"`
	// DropIns are files that add to the unit or change it (`systemctl edit`).
	DropIns []string `json:"dropIns,omitempty"`
}

// EngineFacts are of the engine that runs the container.
type EngineFacts struct {
	Version string `json:"version"`
	// HasImage is true if it has the image of the settings.
	HasImage bool `json:"hasImage"`
}

// ContainerFacts are of the container that has the registry's name.
type ContainerFacts struct {
	ID string `json:"id"`
	// State is the engine's word: running, paused, exited, restarting, …
	State       string   `json:"state"`
	Image       string   `json:"image"`
	ImageID     string   `json:"imageId"`
	RepoDigests []string `json:"repoDigests,omitempty"`
	// Project is the Compose project that made it, "" for none.
	Project string `json:"project,omitempty"`
	// Published are the host's addresses that its ports are published on; none while
	// it does not run.
	Published []netip.AddrPort `json:"published"`
	// Restarts counts how often the engine has started it again.
	Restarts int `json:"restarts"`
	// Created is when it was made, zero if unknown.
	Created time.Time `json:"created,omitzero"`
}

// APIFacts are how GET /v2/ at the endpoint was answered.
type APIFacts struct {
	Status   int    `json:"status"` // 0 without an answer
	Error    string `json:"error,omitempty"`
	TimedOut bool   `json:"timedOut,omitempty"`
	// Registry is whether the answer has the header by which a registry is known, nil if
	// the agent does not report it.
	Registry *bool `json:"registry,omitempty"`
}

// stranger reports whether what answers is known to be no registry.
func (f APIFacts) stranger() bool { return f.Status != 0 && f.Registry != nil && !*f.Registry }

// StorageFacts are of the storage folder.
type StorageFacts struct {
	Exists bool  `json:"exists"`
	Free   int64 `json:"freeBytes"`
}

// FileName is one of the three files.
type FileName string

// The three files.
const (
	ConfigFile  FileName = "config"
	ComposeFile FileName = "compose"
	UnitFile    FileName = "unit"
)

// FileNames are all of them, in the order in which they are written.
func FileNames() []FileName { return []FileName{ConfigFile, ComposeFile, UnitFile} }

// FileState is what is at a path.
type FileState string

// The states, as the contract's enum names them.
const (
	Absent     FileState = "ABSENT"
	Regular    FileState = "REGULAR"
	Other      FileState = "OTHER" // a symbolic link, a folder: never replaced
	Unreadable FileState = "UNREADABLE"
)

// FileFacts are of a file.
type FileFacts struct {
	Path  string    `json:"path"`
	State FileState `json:"state"`
	// Hash is that of a regular file's content.
	Hash artifact.Digest `json:"sha256,omitzero"`
	// Changed is when a regular file was changed last (the inode's change time, which
	// no copy or move back hides), zero if unknown.
	Changed time.Time `json:"changed,omitzero"`
}
