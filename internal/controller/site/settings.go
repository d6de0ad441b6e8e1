package site

import (
	"maps"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/unidesk"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// settings reads the master's config.json.
type settings struct{ root, config string }

// Settings implements deploy.Settings.
func (s settings) Settings(sync workload.ConfigSync) (workload.Values, []string, error) {
	have, nowhere, err := unidesk.Auth(s.root, s.config)
	if err != nil {
		return workload.Values{}, nil, err
	}
	placed := sync.Keys()
	for key := range have {
		if !slices.Contains(placed, key) {
			nowhere = append(nowhere, key)
		}
	}
	nowhere = slices.DeleteFunc(nowhere, func(key string) bool { return slices.Contains(placed, key) })
	slices.Sort(nowhere)
	maps.DeleteFunc(have, func(key, _ string) bool { return !slices.Contains(placed, key) })
	return workload.NewValues(have), nowhere, nil
}
