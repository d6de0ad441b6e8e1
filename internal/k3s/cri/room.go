package cri

import (
	"context"

	"github.com/containerd/containerd/api/services/content/v1"
	"github.com/containerd/containerd/api/services/introspection/v1"
	"github.com/containerd/containerd/api/services/snapshots/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// Room is the place that images are unpacked in.
type Room struct {
	// Dir is the folder of the snapshotter. containerd's blobs lie beside it.
	Dir string
	// Free is how many bytes its filesystem has left.
	Free int64
}

// Room asks CRI for the place and the filesystem for what is free.
func (s *Store) Room(ctx context.Context) (Room, error) {
	ctx, cancel := short(ctx)
	defer cancel()
	answer, err := s.pulls.ImageFsInfo(ctx, &runtime.ImageFsInfoRequest{})
	if err != nil {
		return Room{}, s.explain(ctx, err, "ask for the filesystem of images")
	}
	// The first is the default snapshotter's, which images are unpacked to.
	if len(answer.ImageFilesystems) == 0 || answer.ImageFilesystems[0].GetFsId().GetMountpoint() == "" {
		return Room{}, fault.New(fault.EngineFailed, "k3s's containerd does not tell the filesystem of images").WithHint(hint)
	}
	dir := answer.ImageFilesystems[0].FsId.Mountpoint
	free, err := statefile.Free(dir)
	if err != nil {
		return Room{}, fault.New(fault.EngineFailed, "ask how much room images have: %w", err)
	}
	return Room{Dir: dir, Free: free}, nil
}

// Missing returns those of an image's layers that a pull would fetch: a layer that is
// unpacked already upon the same layers below it is not fetched, whether or not its
// blob was kept, and neither is a layer whose blob is there. The layers are all of the
// image's, the lowest first.
func (s *Store) Missing(ctx context.Context, layers []artifact.Layer) ([]artifact.Layer, error) {
	snapshotter, err := s.snapshotter(ctx)
	if err != nil {
		return nil, err
	}
	// A snapshot holds its parents, so the highest that is there answers for those below.
	chain := chainIDs(layers)
	have := len(layers)
	for ; have > 0; have-- {
		there, err := s.unpacked(ctx, snapshotter, chain[have-1])
		if err != nil {
			return nil, err
		}
		if there {
			break
		}
	}
	var missing []artifact.Layer
	for _, layer := range layers[have:] {
		there, err := s.stored(ctx, layer.Digest)
		if err != nil {
			return nil, err
		}
		if !there {
			missing = append(missing, layer)
		}
	}
	return missing, nil
}

// chainIDs returns the name of each layer together with those below it (OCI image
// specification, "Layer ChainID"). A snapshotter knows it by that name.
func chainIDs(layers []artifact.Layer) (ids []string) {
	for i, layer := range layers {
		id := layer.DiffID.String()
		if i > 0 {
			id = artifact.DigestOf([]byte(ids[i-1] + " " + id)).String()
		}
		ids = append(ids, id)
	}
	return ids
}

// snapshotter returns the name of the snapshotter that CRI unpacks to: k3s can be set
// to another than overlayfs. CRI reports its folder only, containerd the folders of
// all.
func (s *Store) snapshotter(ctx context.Context) (string, error) {
	room, err := s.Room(ctx)
	if err != nil {
		return "", err
	}
	ctx, cancel := short(ctx)
	defer cancel()
	answer, err := s.introspect.Plugins(ctx, &introspection.PluginsRequest{Filters: []string{"type==io.containerd.snapshotter.v1"}})
	if err != nil {
		return "", s.explain(ctx, err, "ask for containerd's snapshotters")
	}
	for _, plugin := range answer.Plugins {
		if plugin.Exports["root"] == room.Dir {
			return plugin.ID, nil
		}
	}
	return "", fault.New(fault.EngineFailed, "no snapshotter of k3s's containerd has its folder at %s, which CRI names", line(room.Dir))
}

func (s *Store) unpacked(ctx context.Context, snapshotter, chain string) (bool, error) {
	ctx, cancel := short(ctx)
	defer cancel()
	_, err := s.snapshots.Stat(ctx, &snapshots.StatSnapshotRequest{Snapshotter: snapshotter, Key: chain})
	return s.there(ctx, err, "look for layers "+chain)
}

func (s *Store) stored(ctx context.Context, d artifact.Digest) (bool, error) {
	ctx, cancel := short(ctx)
	defer cancel()
	_, err := s.content.Info(ctx, &content.InfoRequest{Digest: d.String()})
	return s.there(ctx, err, "look for blob "+d.String())
}

func (s *Store) there(ctx context.Context, err error, act string) (bool, error) {
	if status.Code(err) == codes.NotFound {
		return false, nil
	}
	return err == nil, s.explain(ctx, err, act)
}
