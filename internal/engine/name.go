package engine

import "strings"

// short is a name in Docker's short form, in which the engine's answers are.
func short(ref string) string {
	return strings.TrimPrefix(strings.TrimPrefix(ref, "docker.io/"), "library/")
}

// full is a name in the long form, the only one that containerd knows. A first
// part with a dot or a port in it is a registry (distribution/reference).
func full(ref string) string {
	host, _, slash := strings.Cut(ref, "/")
	switch {
	case !slash:
		return "docker.io/library/" + ref
	case strings.ContainsAny(host, ".:") || host == "localhost":
		return ref
	default:
		return "docker.io/" + ref
	}
}

// isOf reports whether ref is a tag of this local repository.
func isOf(ref, repository string) bool {
	name, ok := strings.CutPrefix(short(ref), short(repository)+":")
	return ok && !strings.ContainsAny(name, "/:")
}
