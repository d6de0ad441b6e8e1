package site

import (
	"maps"
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/unidesk"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// maxSettings is the most bytes of values that a deploy carries: its request has room for
// 256 KiB.
const maxSettings = 192 << 10

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
	size := 0
	for key, value := range have {
		size += len(key) + len(value)
	}
	if size > maxSettings {
		return workload.Values{}, nil, fault.New(fault.ConfigInvalid, "config.json's auth has %d bytes for the Secret and the ConfigMap, at most %d are carried", size, maxSettings)
	}
	return workload.NewValues(have), nowhere, nil
}
