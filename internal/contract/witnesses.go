package contract

import "github.com/pikasTech/unidesk-artifact-cd/internal/catalog"

// Witnesses lists, for people, what a proof of the service stands on.
func Witnesses(row catalog.Row) []string {
	w := []string{
		"independent: container, image, config digest, manifest digest of the commit's tag",
		"independent: the image's labels, which the config digest covers",
	}
	if row.Witness == catalog.Composed {
		return append(w, "self-reported: the container's environment, and the health answer's commit that is composed from it")
	}
	return append(w,
		"independent: the commit that the service itself answers with",
		"self-reported: the container's environment, and the health answer's requestedCommit")
}
