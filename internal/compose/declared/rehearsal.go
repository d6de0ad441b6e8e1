package declared

import (
	"regexp"
	"slices"
)

var (
	removingForm = regexp.MustCompile(`(?m)\bNetwork "?([A-Za-z0-9][A-Za-z0-9_.-]*)"?\s+Removing\s*$`)
	otherForm    = regexp.MustCompile(`Volume "([A-Za-z0-9][A-Za-z0-9_.-]*)" exists but doesn't match configuration`)
)

// Replaced returns, of what Compose printed in a dry run of `up`, the networks that it
// would remove, to make them anew, and the volumes that are defined in another way than
// they were made. Both are sorted: Compose looks at several of a kind at the same time.
func Replaced(said []byte) (networks, volumes []string) {
	for _, m := range removingForm.FindAllSubmatch(said, -1) {
		networks = append(networks, string(m[1]))
	}
	for _, m := range otherForm.FindAllSubmatch(said, -1) {
		volumes = append(volumes, string(m[1]))
	}
	slices.Sort(networks)
	slices.Sort(volumes)
	return networks, volumes
}
