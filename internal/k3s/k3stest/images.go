package k3stest

import (
	"context"
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/cri"
)

// Image implements [k3s.Images].
func (n *Node) Image(_ context.Context, name string) (image cri.Image, there bool, err error) {
	err = n.do("Image "+name, func() error {
		image, there = n.find(name)
		return nil
	})
	return image, there, err
}

func (n *Node) find(name string) (cri.Image, bool) {
	if config, ok := n.names[name]; ok {
		image, there := n.stored[config]
		return image, there
	}
	if image, ok := n.stored[name]; ok {
		return image, true
	}
	_, manifest, _ := strings.Cut(name, "@")
	for _, image := range n.stored {
		if slices.ContainsFunc(image.Manifests, func(m artifact.Digest) bool { return m.String() == manifest }) {
			return image, true
		}
	}
	return cri.Image{}, false
}

// Whole implements [k3s.Images].
func (n *Node) Whole(_ context.Context, image artifact.Pinned) (got cri.Image, there bool, err error) {
	err = n.do("Whole "+image.Commit.Short(), func() error {
		got, there = n.find(Registry + "/" + image.Repository.String() + "@" + image.Manifest.String())
		return nil
	})
	return got, there, err
}

// Pinned implements [k3s.Registry].
func (n *Node) Pinned(_ context.Context, image artifact.Pinned) (whole artifact.Image, err error) {
	err = n.do("Pinned "+image.Commit.Short(), func() error {
		i := slices.IndexFunc(n.registry, func(i artifact.Image) bool { return i.Manifest == image.Manifest })
		if i < 0 {
			return fault.New(fault.ArtifactNotFound, "the registry has no %s", image.Manifest)
		}
		whole = n.registry[i]
		return nil
	})
	return whole, err
}

// Missing implements [k3s.Images]: a layer of an image that is stored is there.
func (n *Node) Missing(_ context.Context, layers []artifact.Layer) (missing []artifact.Layer, err error) {
	err = n.do("Missing", func() error {
		for _, l := range layers {
			if !slices.ContainsFunc(n.registry, func(i artifact.Image) bool {
				_, there := n.stored[i.Config.String()]
				return there && slices.Contains(i.Layers, l)
			}) {
				missing = append(missing, l)
			}
		}
		return nil
	})
	return missing, err
}

// Pull implements [k3s.Images].
func (n *Node) Pull(_ context.Context, image artifact.Pinned) error {
	return n.do("Pull "+image.Commit.Short(), func() error {
		if _, there := n.stored[image.Config.String()]; there {
			return nil
		}
		i := slices.IndexFunc(n.registry, func(i artifact.Image) bool { return i.Manifest == image.Manifest })
		switch {
		case i < 0:
			return fault.New(fault.ImageUnavailable, "the registry has no %s", image.Manifest)
		case image.Bytes > n.free:
			return fault.New(fault.DiskFull, "the image needs %d bytes, %d are free", image.Bytes, n.free)
		}
		n.pulls++
		whole := n.registry[i]
		n.stored[whole.Config.String()] = cri.Image{Config: whole.Config, Manifests: []artifact.Digest{whole.Manifest}, Labels: whole.Labels, Size: whole.Bytes, Entrypoint: whole.Command, Folder: whole.Folder}
		return nil
	})
}

// Ref implements [k3s.Images].
func (n *Node) Ref(image artifact.Pinned) string {
	return Registry + "/" + image.Repository.String() + ":" + image.Commit.String()
}

// Name implements [k3s.Images].
func (n *Node) Name(_ context.Context, image artifact.Pinned) error {
	return n.do("Name "+image.Commit.Short(), func() error {
		got, there := n.stored[image.Config.String()]
		if !there {
			return fault.Transient(fault.ImageUnavailable, "%s is not there any more", image.Config)
		}
		got.Pinned = true
		n.stored[image.Config.String()], n.names[n.Ref(image)] = got, image.Config.String()
		return nil
	})
}

// Release implements [k3s.Images]. An image goes with its last name.
func (n *Node) Release(_ context.Context, name string) error {
	return n.do("Release "+name, func() error {
		n.remove(name)
		return nil
	})
}

func (n *Node) remove(name string) {
	config := n.names[name]
	delete(n.names, name)
	for _, other := range n.names {
		if other == config {
			return
		}
	}
	delete(n.stored, config)
}

// Room implements [k3s.Images].
func (n *Node) Room(context.Context) (room cri.Room, err error) {
	err = n.do("Room", func() error {
		room = cri.Room{Dir: "/images", Free: n.free}
		return nil
	})
	return room, err
}
