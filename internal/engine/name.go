package engine

import "strings"

// full returns a name in the long form, the only form that containerd knows. A first
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
