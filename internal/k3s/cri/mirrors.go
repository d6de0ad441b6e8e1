package cri

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// RegistriesFile is where k3s reads which registries its containerd asks.
const RegistriesFile = "/etc/rancher/k3s/registries.yaml"

// maxRegistries bounds the file, and maxMirrors what is reported of it.
const (
	maxRegistries = 1 << 20
	maxMirrors    = 16
)

// Mirrors returns the endpoints that the file sets for a registry host, in the order in
// which k3s's containerd asks them before the registry itself. Those of "*" are for a
// registry that has none of its own. There are none without the file. A user and a
// password in an endpoint are left out. k3s reads the file when it starts, so a change of it may not be
// in force yet.
//
// Only what is needed is looked at, and what has another form counts as absent: the file
// is k3s's to judge.
func Mirrors(path, registry string) ([]string, error) {
	unreadable := func(err error) error {
		return fault.New(fault.EngineFailed, "k3s's registries in %s: %w", path, err).WithHint("as root: correct the file, then systemctl restart k3s")
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, unreadable(err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxRegistries+1))
	if err == nil && len(b) > maxRegistries {
		err = errors.New("it is larger than 1 MiB")
	}
	if err != nil {
		return nil, unreadable(err)
	}
	var file yaml.Node
	if err := yaml.Unmarshal(b, &file); err != nil {
		return nil, unreadable(errors.New(line(err.Error())))
	}
	if len(file.Content) == 0 {
		return nil, nil // empty, or comments only
	}
	mirrors := below(file.Content[0], "mirrors")
	mirror := below(mirrors, registry)
	if mirror == nil {
		mirror = below(mirrors, "*")
	}
	return endpoints(below(mirror, "endpoint")), nil
}

// below returns the value of a key, nil if the node is no map or has no such key.
func below(node *yaml.Node, key string) *yaml.Node {
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return meant(node.Content[i+1])
		}
	}
	return nil
}

// meant is the node that an alias stands for.
func meant(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

// endpoints returns the texts of a list, or a single text.
func endpoints(node *yaml.Node) (addresses []string) {
	if node == nil {
		return nil
	}
	list := []*yaml.Node{node}
	if node.Kind == yaml.SequenceNode {
		list = node.Content
	}
	for _, item := range list {
		item = meant(item)
		if item.Kind == yaml.ScalarNode && item.ShortTag() != "!!null" && item.Value != "" && len(addresses) < maxMirrors {
			addresses = append(addresses, line(bare(item.Value)))
		}
	}
	return addresses
}

// bare returns an address without its user and password, also a malformed address.
func bare(address string) string {
	at := strings.LastIndex(address, "@")
	if at < 0 {
		return address
	}
	scheme, _, told := strings.Cut(address[:at], "://")
	if !told {
		return address[at+1:]
	}
	return scheme + "://" + address[at+1:]
}
