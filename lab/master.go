package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Master is the master server's UniDesk: its root folder with the Compose
// project, config.json and the controlled env file, and the engine that runs it.
// Project, containers and images carry the lab's prefix, so that they meet
// nothing else on an engine that the lab shares.
type Master struct {
	Root    string
	Project string
	EnvFile string
	Prefix  string
	Engine  *Engine
}

var composeName = regexp.MustCompile(`(?m)^(\s+(?:container_name|image): )([a-z0-9-]+)$`)

// newMaster lays the UniDesk root out below dir. Nothing runs yet.
func newMaster(sample, dir, prefix string) (*Master, error) {
	m := &Master{
		Root: filepath.Join(dir, "unidesk"), Project: prefix + "unidesk", Prefix: prefix,
	}
	m.EnvFile = filepath.Join(m.Root, ".state", "docker-compose.env")
	if err := os.MkdirAll(filepath.Dir(m.EnvFile), 0o700); err != nil {
		return nil, fmt.Errorf("lay out the UniDesk root: %w", err)
	}
	for from, to := range map[string]string{
		"compose.yaml": filepath.Join(m.Root, "docker-compose.yml"),
		"config.json":  filepath.Join(m.Root, "config.json"),
		"CI.json":      filepath.Join(m.Root, "CI.json"),
		"env.example":  m.EnvFile,
	} {
		b, err := os.ReadFile(filepath.Join(sample, from))
		if err != nil {
			return nil, fmt.Errorf("lay out the UniDesk root: %w", err)
		}
		if from == "compose.yaml" {
			b = composeName.ReplaceAll(b, []byte("${1}"+prefix+"${2}"))
		}
		if err := os.WriteFile(to, b, 0o600); err != nil {
			return nil, fmt.Errorf("lay out the UniDesk root: %w", err)
		}
	}
	return m, nil
}

// ComposeFile is the path of the project's only Compose file.
func (m *Master) ComposeFile() string { return filepath.Join(m.Root, "docker-compose.yml") }

// Compose runs docker compose on the project.
func (m *Master) Compose(ctx context.Context, args ...string) (string, error) {
	argv := append([]string{
		"docker", "compose", "--project-name", m.Project, "--project-directory", m.Root,
		"--file", m.ComposeFile(), "--env-file", m.EnvFile,
	}, args...)
	return run(ctx, m.Root, m.Engine.Env(), argv...)
}

// Install brings versions live without the product, as they may have been before it
// existed: the image is carried over, tagged, and Compose starts it.
func (m *Master) Install(ctx context.Context, from *Engine, versions ...Summary) error {
	up := []string{"up", "-d", "--no-build", "--no-deps", "--pull", "never"}
	for _, v := range versions {
		// Through the registry: a builder that is not private keeps nothing.
		if _, err := from.Docker(ctx, "pull", "--quiet", v.ImageRef); err != nil {
			return fmt.Errorf("install %s: %w", v.ServiceID, err)
		}
		if err := from.CopyImages(ctx, m.Engine, v.ImageRef); err != nil {
			return fmt.Errorf("install %s: %w", v.ServiceID, err)
		}
		for _, argv := range [][]string{{"tag", v.ImageRef, m.Image(v.ServiceID)}, {"rmi", v.ImageRef}} {
			if _, err := m.Engine.Docker(ctx, argv...); err != nil {
				return fmt.Errorf("install %s: %w", v.ServiceID, err)
			}
		}
		up = append(up, v.ServiceID)
	}
	if _, err := m.Compose(ctx, up...); err != nil {
		return fmt.Errorf("install: %w", err)
	}
	return nil
}

// Container is the name of a service's container.
func (m *Master) Container(service string) string {
	s, _ := serviceByID(service)
	return m.Prefix + s.container
}

// Image is the stable name of a service's image.
func (m *Master) Image(service string) string {
	s, _ := serviceByID(service)
	return m.Prefix + s.image
}

// Inspect returns what a Go template makes of a service's container.
func (m *Master) Inspect(ctx context.Context, service, template string) (string, error) {
	out, err := m.Engine.Docker(ctx, "inspect", "--type", "container", "--format", template, m.Container(service))
	return strings.TrimSpace(out), err
}

// Logs returns everything that a service's container has printed.
func (m *Master) Logs(ctx context.Context, service string) (string, error) {
	docker, err := findProgram("docker")
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, docker, "logs", m.Container(service))
	cmd.Env = m.Engine.Env()
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Health asks a service at its container's own address and returns the answer as it is.
func (m *Master) Health(ctx context.Context, service string) (status int, body []byte, err error) {
	s, _ := serviceByID(service)
	ip, err := m.Inspect(ctx, service, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}")
	if err != nil || ip == "" {
		return 0, nil, fmt.Errorf("ask %s for its health: it has no address: %w", service, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+ip+s.probe, nil)
	if err != nil {
		return 0, nil, err
	}
	res, err := loopbackClient().Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("ask %s for its health: %w", service, err)
	}
	defer res.Body.Close()
	body, err = io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return res.StatusCode, body, err
}

// WaitHealth asks until the service answers at all, good or bad, for at most 15 s.
func (m *Master) WaitHealth(ctx context.Context, service string) (status int, body []byte, err error) {
	return m.healthUntil(ctx, service, func(int) bool { return true })
}

// LiveCommit waits a little for a good health answer and returns the commit in it.
func (m *Master) LiveCommit(ctx context.Context, service string) (string, error) {
	_, body, err := m.healthUntil(ctx, service, func(status int) bool { return status == http.StatusOK })
	if err != nil {
		return "", err
	}
	var answer struct{ Deploy struct{ Commit string } }
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", fmt.Errorf("health of %s: %w", service, err)
	}
	return answer.Deploy.Commit, nil
}

func (m *Master) healthUntil(ctx context.Context, service string, enough func(status int) bool) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	for {
		status, body, err := m.Health(ctx, service)
		if err == nil && enough(status) {
			return status, body, nil
		}
		select {
		case <-ctx.Done():
			return status, body, errors.Join(fmt.Errorf("health of %s is %d: %s", service, status, body), err, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// EditEnv changes the env file as a person with an editor would.
func (m *Master) EditEnv(change func(string) string) error {
	b, err := os.ReadFile(m.EnvFile)
	if err == nil {
		err = os.WriteFile(m.EnvFile, []byte(change(string(b))), 0o600)
	}
	if err != nil {
		return fmt.Errorf("edit the env file: %w", err)
	}
	return nil
}

// Reset takes away whatever runs, with its volumes and every image of this lab,
// and leaves the files. Only what carries the lab's own names is touched.
func (m *Master) Reset(ctx context.Context) error {
	projects := []string{m.Project}
	for _, s := range servicesOfD601() { // which share the engine if D601 has none of its own
		projects = append(projects, m.Prefix+s.id)
	}
	var faults []error
	for _, name := range projects {
		project := "label=com.docker.compose.project=" + name
		faults = append(faults,
			m.Engine.RemoveAll(ctx, []string{"ps", "--all", "--quiet", "--filter", project}, "rm", "--force", "--volumes"),
			m.Engine.RemoveAll(ctx, []string{"volume", "ls", "--quiet", "--filter", project}, "volume", "rm"),
			m.Engine.RemoveAll(ctx, []string{"network", "ls", "--quiet", "--filter", project}, "network", "rm"))
	}
	images := []string{"images", "--all", "--quiet", "--filter"}
	err := errors.Join(append(faults,
		m.Engine.RemoveAll(ctx, append(images, "label="+worldLabel+"="+m.Prefix), "rmi", "--force"),
		m.Engine.RemoveAll(ctx, append(images, "reference="+m.Prefix+"*"), "rmi", "--force"))...)
	if err != nil {
		return fmt.Errorf("clean the master up: %w", err)
	}
	return nil
}
