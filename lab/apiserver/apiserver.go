// Package apiserver runs a real etcd and kube-apiserver alone, on loopback ports of this machine, out of a folder: for tests
// that need the API of Kubernetes and no node. Deployments are stored there; with [Config.Controllers] the controller manager
// acts on them too, and no kubelet ever runs a pod. Package kube makes a whole cluster of the same parts, on a lab host.
//
// It needs what `lab/tools/build.sh kubernetes` builds, and no root. What it starts does not outlive the caller's process, and
// is stopped by process id.
//
// Files, from the top: apiserver.go (start and stop), plane.go (command lines), files.go (what a control plane reads), kubeconfig.go
// (what clients hold), papers.go (certificates).
package apiserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

// startTime bounds the start of each part on a slow and busy machine; the API usually answers in some five seconds.
const startTime = 2 * time.Minute

// Config selects what runs. The zero value runs etcd and the API server.
type Config struct {
	// Dir holds the papers, etcd's data and the logs; it is made when it does not exist. Its owner removes it.
	Dir string
	// Programs is the folder of the programs; empty means where lab/tools/build.sh leaves them.
	Programs string
	// Controllers runs the controller manager as well: it makes ReplicaSets of Deployments, a default ServiceAccount in each
	// namespace, and removes what a deleted namespace held.
	Controllers bool
}

// Server is a running API server.
type Server struct {
	// URL is https, with a port of 127.0.0.1.
	URL string
	// Kubeconfig is the path of the administrator's kubeconfig.
	Kubeconfig string
	// Papers signs further clients in.
	Papers *Papers
	// Client asks as the administrator.
	Client *http.Client

	plane                 Plane
	controllers           bool
	etcd, api, controller *lab.Proc
}

// Programs is where lab/tools/build.sh leaves what it builds for Kubernetes. An error names the command that builds it.
func Programs() (string, error) {
	tools, err := lab.ToolsDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(tools, "kubernetes")
	if _, err := os.Stat(filepath.Join(dir, "kube-apiserver")); err != nil {
		return "", fmt.Errorf("find Kubernetes: %w; lab/tools/build.sh kubernetes builds it", err)
	}
	return dir, nil
}

// Start returns once the API server is ready. On an error nothing is left running. The context bounds Start alone:
// the server lives until [Server.Stop].
func Start(ctx context.Context, c Config) (_ *Server, err error) {
	s := &Server{controllers: c.Controllers}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start an API server: %w", err), s.Stop())
		}
	}()
	if c.Programs == "" {
		if c.Programs, err = Programs(); err != nil {
			return nil, err
		}
	}
	if err := s.furnish(c); err != nil {
		return nil, err
	}
	if s.etcd, err = s.launch("etcd", s.plane.Etcd()); err != nil {
		return nil, err
	}
	health := s.plane.etcdURL() + "/health"
	if err := s.etcd.Ready(ctx, startTime, func(ctx context.Context) error { return ask(ctx, http.DefaultClient, health) }); err != nil {
		return nil, err
	}
	if err := s.StartAPI(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// furnish chooses the ports and writes the papers.
func (s *Server) furnish(c Config) (err error) {
	s.plane = Plane{Programs: c.Programs, Dir: c.Dir, Bind: loopback}
	for _, port := range []*int{&s.plane.Port, &s.plane.EtcdPort, &s.plane.PeerPort} {
		if *port, err = lab.FreePort(); err != nil {
			return err
		}
	}
	if s.Papers, err = NewPapers(s.plane.Port); err != nil {
		return err
	}
	files, err := s.Papers.Files()
	if err != nil {
		return err
	}
	for name, content := range files {
		path := filepath.Join(c.Dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return err
		}
	}
	s.URL, s.Kubeconfig = s.Papers.URL(), filepath.Join(c.Dir, AdminKubeconfig)
	s.Client, err = s.Papers.Client(nil, "admin", "system:masters")
	return err
}

func (s *Server) launch(name string, argv []string) (*lab.Proc, error) {
	return lab.Launch(name, filepath.Join(s.plane.Dir, name+".log"), argv...)
}

// StartAPI starts the API server again after [Server.StopAPI], with all that it stored, and returns once it is ready.
func (s *Server) StartAPI(ctx context.Context) (err error) {
	if s.api, err = s.launch("kube-apiserver", s.plane.APIServer()); err != nil {
		return err
	}
	if err := s.api.Ready(ctx, startTime, func(ctx context.Context) error { return ask(ctx, s.Client, s.URL+"/readyz") }); err != nil {
		return err
	}
	if s.controllers {
		s.controller, err = s.launch("kube-controller-manager", s.plane.ControllerManager())
	}
	return err
}

// StopAPI ends the API server at once and leaves etcd: its port refuses connections then. Asked to end, it would wait a minute for
// clients that watch. The controllers end with it, because they give up when they lose it while they start.
func (s *Server) StopAPI() error {
	err := s.controller.Stop(stopTime)
	if s.api != nil {
		s.api.Kill()
		s.Client.CloseIdleConnections()
	}
	return err
}

// stopTime is how long each part may take to end before it is killed.
const stopTime = 20 * time.Second

// Stop ends all of it; the folder stays. It may be called twice.
func (s *Server) Stop() error {
	return errors.Join(s.StopAPI(), s.etcd.Stop(stopTime))
}

// ask fails unless the answer is 200.
func ask(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	said, err := io.ReadAll(io.LimitReader(response.Body, 1<<16))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s: %s", url, response.Status, said)
	}
	return err
}
