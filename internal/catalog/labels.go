package catalog

import (
	"maps"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
)

// The words that stand in a required label for what a deploy asks.
const (
	commitWord  = "{commit}"
	serviceWord = "{service}"
	sourceWord  = "{source}"
)

// usualLabels are required if neither the defaults nor the row name any.
func usualLabels() map[string]string {
	return map[string]string{artifact.LabelRevision: commitWord, artifact.LabelSource: sourceWord, artifact.LabelService: serviceWord}
}

// labels reads the labels that an image must carry; those of the row replace the
// defaults'. What is wrong goes to its place.
func (f *file) labels(in row, at place) map[string]string {
	labels := in.Labels
	if labels == nil {
		labels = f.Defaults.Labels
	}
	if labels == nil {
		return usualLabels()
	}
	pinned := false
	for name, value := range labels {
		rest := strings.NewReplacer(commitWord, "", serviceWord, "", sourceWord, "").Replace(value)
		at.in("labels").check(name != "" && value != "" && !strings.ContainsAny(rest, "{}"),
			"%q: a value is text with {commit}, {service} and {source} in it", name)
		pinned = pinned || value == commitWord
	}
	at.in("labels").check(pinned, "none is just {commit}: nothing in the image would name its commit")
	return labels
}

// Commit returns the commit that an image names in its labels, "" if it names none.
func (r Row) Commit(labels map[string]string) string {
	for _, name := range slices.Sorted(maps.Keys(r.Required)) {
		if r.Required[name] == commitWord {
			return labels[name]
		}
	}
	return ""
}

// Labels that an image must carry to be this service at this commit.
func (r Row) Labels(commit artifact.Commit) map[string]string {
	words := strings.NewReplacer(commitWord, commit.String(), serviceWord, r.Service.String(), sourceWord, r.Source)
	labels := make(map[string]string, len(r.Required))
	for name, value := range r.Required {
		labels[name] = words.Replace(value)
	}
	return labels
}
