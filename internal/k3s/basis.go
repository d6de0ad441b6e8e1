package k3s

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/kube"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// basis stands for what a change replaces: of each Deployment the object and its pod
// template, and the synced objects. A Deployment's resource version is no part of it: it
// moves with the status, so that each pod that restarts would make a plan stale.
func basis(all []kube.Deployment, sync *kube.Configuration) workload.Basis {
	if !slices.ContainsFunc(all, func(d kube.Deployment) bool { return d.UID != "" }) {
		return ""
	}
	sum := sha256.New()
	for _, d := range all {
		part(sum, d.Name, d.UID, string(canonical(d.Template)))
	}
	if sync != nil {
		part(sum, sync.Credentials.Version, sync.Settings.Version)
	}
	return workload.Basis(hex.EncodeToString(sum.Sum(nil)))
}

// part adds texts so that no two lists of texts add the same.
func part(sum hash.Hash, texts ...string) {
	for _, text := range texts {
		one := sha256.Sum256([]byte(text))
		sum.Write(one[:])
	}
}

// canonical returns a JSON text in the form that all texts of the same meaning have.
// Text that is no JSON stays as it is.
func canonical(raw json.RawMessage) []byte {
	var v any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return raw
	}
	out, err := json.Marshal(v)
	if err != nil {
		return raw
	}
	return out
}

// same reports whether two pod templates are the same.
func same(a, b json.RawMessage) bool { return bytes.Equal(canonical(a), canonical(b)) }
