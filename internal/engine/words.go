package engine

import (
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// An engine answers a load with 200 and reports its result in lines. A failure is a
// message without a code (moby pkg/streamformatter, FormatError, gives none but that of
// a registry), and containerd's store reports a failed unpacking as if it were
// progress. So only the words below distinguish the results. Nothing else here decides
// by words, and these are matched on the engine's answer, never on the text of a Go
// error. Of a pull, they count bytes for people and nothing more.
const (
	// loadedPrefix begins a line of progress that names what was loaded.
	loadedPrefix = "Loaded image: "
	// unpackPrefix begins a line of progress: the image is there and cannot be run
	// (daemon/containerd/image_exporter.go, LoadImage).
	unpackPrefix = "Error unpacking"
	// missingFile ends the message of the classic store about a layer that the archive
	// leaves out: "open .../blobs/sha256/<hex>: no such file or directory".
	missingFile = "no such file or directory"

	// What an engine reports of a layer that it pulls.
	layerFetched  = "Downloading"
	layerWhole    = "Download complete"
	layerUnpacked = "Extracting"
	layerDone     = "Pull complete"
)

// meaning is the meaning of a part of an engine's message.
type meaning struct {
	part, hint string
	reason     fault.Reason
}

// meanings returns what is recognized in a message. They decide nothing but the reason
// and its hint.
func meanings() []meaning {
	return []meaning{
		{"no space left on device", "make room on the filesystem of the engine's root folder, then run it again", fault.DiskFull},
		{"invalid diffID", "", fault.DigestMismatch},
		{"wrong diff id", "", fault.DigestMismatch},
	}
}

// Refusal is the failure that an engine reports in its answer to a load or a pull.
type Refusal struct {
	// Message is the answer's field of that name.
	Message string
}

// Error implements error.
func (r *Refusal) Error() string { return r.Message }

// refused gives an engine's message a reason. A message that is not recognized is
// ENGINE_FAILED.
func refused(message string) error {
	r := &Refusal{message}
	for _, m := range meanings() {
		if strings.Contains(message, m.part) {
			return fault.New(m.reason, "%w", r).WithHint("%s", m.hint)
		}
	}
	return fault.New(fault.EngineFailed, "%w", r)
}
