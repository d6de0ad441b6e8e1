package unidesk

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// CIFile is UniDesk's catalog of what its CI produces, in its root.
const CIFile = "CI.json"

// upstreamImage is the kind of an entry that nothing here produces yet.
const upstreamImage = "upstream-image"

// Declared is an entry of CI.json: what a producer means to make, and its name. It is
// no evidence that anything exists (specification, "CI.json").
type Declared struct {
	Service artifact.ServiceID
	// Kind is the entry's own word, "" if it has none.
	Kind string
	// Upstream and Digest name what an upstream-image entry would mirror.
	Upstream string
	Digest   artifact.Digest
}

// CoverageOnly reports whether the entry only completes the catalog: until there
// is a producer of mirrors, nothing can be deployed on its account.
func (d Declared) CoverageOnly() bool { return d.Kind == upstreamImage }

var (
	kindForm     = regexp.MustCompile(`^[a-z0-9._-]{1,40}$`)
	upstreamForm = regexp.MustCompile(`^[A-Za-z0-9._:/@-]{1,300}$`)
)

// CI reads CI.json in the UniDesk root; found is false if there is none. Its entries
// are a list or an object, under artifacts or services; what is not an entry with a
// service's id is passed over.
func CI(root string) (entries []Declared, found bool, err error) {
	path := filepath.Join(root, CIFile)
	content, err := statefile.ReadFile(path, statefile.Most)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, true, fault.New(fault.ConfigInvalid, "read UniDesk's CI catalog: %w", err)
	}
	var top struct{ Artifacts, Services json.RawMessage }
	if err := json.Unmarshal(content, &top); err != nil {
		return nil, true, fault.New(fault.ConfigInvalid, "%s is not an object in JSON%s", path, position(err))
	}
	if top.Artifacts == nil && top.Services == nil {
		return nil, true, fault.New(fault.ConfigInvalid, "%s has neither artifacts nor services", path)
	}
	for _, part := range []json.RawMessage{top.Artifacts, top.Services} {
		entries = append(entries, declaredIn(part)...)
	}
	return entries, true, nil
}

func declaredIn(part json.RawMessage) (entries []Declared) {
	var list []json.RawMessage
	if json.Unmarshal(part, &list) == nil {
		for _, raw := range list {
			entries = appendEntry(entries, "", raw)
		}
		return entries
	}
	named := objectOf(part)
	for _, key := range slices.Sorted(maps.Keys(named)) {
		entries = appendEntry(entries, key, named[key])
	}
	return entries
}

func appendEntry(entries []Declared, key string, raw json.RawMessage) []Declared {
	o := objectOf(raw)
	if o == nil {
		return entries
	}
	if key != "" {
		o["map key"], _ = json.Marshal(key)
	}
	isID := func(s string) bool { _, err := artifact.ParseServiceID(s); return err == nil }
	id, err := artifact.ParseServiceID(o.text(isID, "serviceId", "id", "map key", "name"))
	if err != nil {
		return entries
	}
	d := Declared{Service: id, Kind: strings.ToLower(o.text(func(s string) bool { return kindForm.MatchString(strings.ToLower(s)) }, "kind", "type"))}
	if d.CoverageOnly() {
		up := objectOf(o["upstream"]) // or it is a string, or not there
		isImage := upstreamForm.MatchString
		d.Upstream = o.text(isImage, "upstreamImage", "upstream", "image")
		if d.Upstream == "" {
			d.Upstream = up.text(isImage, "image", "ref")
		}
		isDigest := func(s string) bool { _, err := artifact.ParseDigest(s); return err == nil }
		digest := o.text(isDigest, "upstreamDigest", "digest")
		if digest == "" {
			digest = up.text(isDigest, "digest")
		}
		_ = d.Digest.UnmarshalText([]byte(digest)) // it is a digest, or ""
	}
	return append(entries, d)
}
