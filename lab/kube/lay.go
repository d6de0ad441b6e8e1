package kube

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

	"github.com/pikasTech/unidesk-artifact-cd/lab/apiserver"
)

// commands are what a person finds in /usr/local/bin, as k3s has them.
const commands = `set -eu
cd ` + programs + `
for name in etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kubectl; do ln -sf kubernetes $name; done
ln -sf ` + programs + `/kubectl ` + programs + `/crictl /usr/local/bin/
mkdir -p /root/.kube
ln -sf ` + Kubeconfig + ` /root/.kube/config
systemctl daemon-reload
`

// ctr is k3s's: it speaks to k3s's containerd, where pods' images are. Docker's is /usr/bin/ctr.
const ctr = `#!/bin/sh
CONTAINERD_ADDRESS=` + Socket + ` CONTAINERD_NAMESPACE=k8s.io exec ` + programs + `/ctr "$@"
`

// lay puts programs, papers, configuration and units on the host.
func (k *Cluster) lay(ctx context.Context) error {
	files, err := k.files()
	if err != nil {
		return err
	}
	var group errgroup.Group
	group.SetLimit(4)
	for _, program := range []string{"kubernetes", "containerd", "containerd-shim-runc-v2", "ctr", "crictl", "bridge", "host-local", "pause"} {
		group.Go(func() error {
			return k.Host.CopyIn(ctx, filepath.Join(k.programs, program), programs+"/"+program, 0o755)
		})
	}
	for path, content := range files {
		mode := os.FileMode(0o600)
		if filepath.Dir(path) == "/usr/local/bin" {
			mode = 0o755
		}
		group.Go(func() error { return k.Host.WriteFile(ctx, path, content, mode) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	_, err = k.Host.Output(ctx, "sh", "-c", commands)
	return err
}

// files is everything that is text.
func (k *Cluster) files() (map[string][]byte, error) {
	files := map[string][]byte{
		containerdConfigFile: []byte(containerdConfig), networkFile: []byte(network), clientCA: k.Papers.ClientCA(), fitFile: []byte(fit),
		"/etc/systemd/system/" + node: []byte(nodeUnit),
		"/usr/local/bin/ctr":          []byte(ctr),
		"/etc/crictl.yaml":            []byte("runtime-endpoint: unix://" + Socket + "\nimage-endpoint: unix://" + Socket + "\n"),
	}
	for _, u := range units(k.Host.Addr.String()) {
		files["/etc/systemd/system/"+u.name] = []byte(u.text())
	}
	plane, err := k.Papers.Files()
	if err != nil {
		return nil, err
	}
	for path, content := range plane {
		files[serverDir+"/"+path] = content
	}
	files[Kubeconfig] = plane[apiserver.AdminKubeconfig]
	if files[KubeletConfig], err = kubeletConfig(k.kubelet); err != nil {
		return nil, err
	}
	if files[kubeletKubeconfig], err = k.Papers.Kubeconfig("system:node:"+k.Host.Name, "system:nodes"); err != nil {
		return nil, err
	}
	files[kubeletCert], files[kubeletKey], err = k.Papers.Serving("system:node:"+k.Host.Name, k.Host.Name, k.Host.Addr.String(), "127.0.0.1")
	return files, err
}

// importPause makes the image that holds pods' namespaces and gives it to containerd.
func (k *Cluster) importPause(ctx context.Context) error {
	image, err := oneProgram(filepath.Join(k.programs, "pause"))
	if err != nil {
		return fmt.Errorf("make the pause image: %w", err)
	}
	return k.Import(ctx, PauseImage, image)
}

// oneProgram is an image that holds a static program and runs it.
func oneProgram(path string) (v1.Image, error) {
	program, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	if err := w.WriteHeader(&tar.Header{Name: "program", Mode: 0o755, Size: int64(len(program))}); err != nil {
		return nil, err
	}
	if _, err := w.Write(program); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	base, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{
		OS: "linux", Architecture: runtime.GOARCH, RootFS: v1.RootFS{Type: "layers"}, Config: v1.Config{Entrypoint: []string{"/program"}},
	})
	if err != nil {
		return nil, err
	}
	return mutate.AppendLayers(base, static.NewLayer(layer.Bytes(), types.DockerUncompressedLayer))
}

// Import puts an image into containerd, by a name with a tag, as `docker save` would bring it.
func (k *Cluster) Import(ctx context.Context, ref string, image v1.Image) error {
	tag, err := name.NewTag(ref)
	if err != nil {
		return err
	}
	r, w := io.Pipe()
	go func() {
		_ = w.CloseWithError(tarball.Write(tag, image, w)) // it returns nil always
	}()
	defer r.Close()
	return k.feed(ctx, r, "/usr/local/bin/ctr", "images", "import", "-")
}
