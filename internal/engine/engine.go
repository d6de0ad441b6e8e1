// Package engine talks to a Docker Engine: it lists containers and images, tags images,
// loads an image from an archive that leaves out the layers that the engine has, and pulls
// an image. No other package knows Docker's API; client.go names the files that do.
// It knows both of the engine's image stores, the classic store (an image's id is the
// digest of its config) and containerd's (the digest of its manifest), so that no other
// package has to.
//
// The danger is in loading. The engine answers a failed load with HTTP 200 and an error
// further down, containerd's store takes incomplete images without a word, and an
// interrupted load can hang the next (moby/moby#51623). So an answer is read to its
// end, [Image.Complete] is false if content is missing, and an archive is written from
// local files only, never from a network.
package engine

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// ErrNotFound is in the chain of an error about a container or an image that the
// engine does not have.
var ErrNotFound = errors.New("not found")

// ErrInUse is in the chain of an error about an image that a container uses.
var ErrInUse = errors.New("in use")

// Store is the kind of an engine's image store.
type Store string

// The stores that an engine can have.
const (
	Classic    Store = "classic"
	Containerd Store = "containerd"
)

// Info is an engine's description of itself.
type Info struct {
	Version    string
	APIVersion string
	Store      Store
	// RootDir is the folder, on the engine's host, whose filesystem fills up.
	RootDir  string
	Platform artifact.Platform
}

// ReadsZstd reports whether a layer in an archive may be compressed with zstd:
// the classic store reads it since Engine 23.0, API 1.42 (moby/moby
// pkg/archive/archive.go), containerd's always did.
func (i Info) ReadsZstd() bool { return i.Store == Containerd || i.Speaks(1, 42) }

// TellsComplete reports whether [Image.Complete] means anything: containerd's store
// reports an image's content since Engine 28.0, API 1.48.
func (i Info) TellsComplete() bool { return i.Store == Classic || i.Speaks(1, 48) }

// Speaks reports whether the engine has this version of the API. The version of
// the engine itself is what its packager wrote, the API's is a number.
func (i Info) Speaks(major, minor int) bool {
	var gotMajor, gotMinor int
	_, err := fmt.Sscanf(i.APIVersion, "%d.%d", &gotMajor, &gotMinor)
	return err == nil && (gotMajor > major || gotMajor == major && gotMinor >= minor)
}

// ID is the id that the image has in a store of this kind when it was loaded
// from an [Archive].
func (s Store) ID(image artifact.Pinned) string {
	if s == Containerd {
		return image.Manifest.String()
	}
	return image.Config.String()
}

// Container is a container, running or not.
type Container struct {
	ID string
	// Name is without the slash. A container that an interrupted recreate left behind
	// is called <12 hex digits>_<name>.
	Name     string
	ImageID  string
	ImageRef string
	// Labels are the image's, Compose's and the service's together.
	Labels  map[string]string
	Env     Env
	Running bool
	// State is the engine's word: running, paused, restarting, exited, created, dead.
	State     string
	ExitCode  int
	Restarts  int
	Created   time.Time
	Started   time.Time
	Addresses []netip.Addr
	// Published are the host's addresses that its ports are published on or, while
	// it does not run, are to be.
	Published []netip.AddrPort
	// Mounts are what lies in the place of folders and files of its image.
	Mounts []workload.Mount
	// Command is its program with the arguments, Folder where it works.
	Command []string
	Folder  string
	// Health is the state of its own health check: starting, healthy, unhealthy; "" if it
	// has none.
	Health string
	// StopTimeout is how long it gets to stop if a stop sets no time.
	StopTimeout time.Duration
}

// Env is a container's whole environment as KEY=VALUE. It holds secrets, so it
// prints as a count.
type Env []string

// String returns how many variables there are.
func (e Env) String() string { return fmt.Sprintf("%d variables", len(e)) }

// LogValue implements [slog.LogValuer].
func (e Env) LogValue() slog.Value { return slog.StringValue(e.String()) }

// Image is an image that the engine has.
type Image struct {
	ID   string
	Tags []string
	// RepoDigests are repository@digest names; an image that came as an archive may
	// have none.
	RepoDigests []string
	Labels      map[string]string
	// Env is what the image gives each of its containers.
	Env     Env
	DiffIDs []artifact.Digest
	// Config is the digest of the config: the id itself in the classic store, and
	// in containerd's known only of an image that an [Archive] brought.
	Config  artifact.Digest
	Created time.Time
	// Platform, Volumes, Command and Folder are as in [artifact.Image].
	Platform artifact.Platform
	Volumes  []string
	Command  []string
	Folder   string
	// Complete reports whether the store has all of the image's content. The classic
	// store cannot have less. containerd's can, and reports it since API 1.48; before
	// that false means unknown.
	Complete bool
}

// Whole reports whether it is the image that the digests name, with all of its content.
func (i Image) Whole(s Store, image artifact.Pinned) bool {
	return i.ID == s.ID(image) && i.Complete
}

// CommonLayers is how many leading layers the image has in common with an image of
// these diff ids. Layers are shared from the bottom up: the same diff id upon another
// base is another layer (OCI image specification, "Layer ChainID").
func (i Image) CommonLayers(diffIDs []artifact.Digest) int {
	n := min(len(i.DiffIDs), len(diffIDs))
	for k := range n {
		if i.DiffIDs[k] != diffIDs[k] {
			return k
		}
	}
	return n
}

// newestFirst orders containers for Containers.
func newestFirst(a, b Container) int {
	return cmp.Or(b.Created.Compare(a.Created), strings.Compare(a.ID, b.ID))
}

// Free is the room, in bytes, on the filesystem that the engine's folder is on, or
// would be.
func (i Info) Free() (int64, error) {
	for dir := i.RootDir; ; dir = filepath.Dir(dir) {
		var s unix.Statfs_t
		err := unix.Statfs(dir, &s)
		if err == nil {
			return int64(s.Bavail) * s.Bsize, nil
		}
		if !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return 0, fault.New(fault.EngineFailed, "ask how much room %s has: %w", dir, err)
		}
	}
}
