//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/lab/hosts"
)

// What D601 comes to run: CNCF Distribution 2.8.3 and the agent under systemd, both
// put there by the product, from the master, as an administrator would.
const (
	registryAddr = "127.0.0.1:5000"
	storage      = "/home/ubuntu/.unidesk/registry-storage"
	unit         = registry.Unit
	agentUnit    = "unidesk-agent.service"
)

// Accounts that the agent must refuse: in its group without a role, and not in its
// group.
const (
	noRole     = "unidesk-norole"
	outside    = "unidesk-outside"
	agentGroup = "unidesk-agent"
)

// administrator is the configuration whose account on D601 has sudo.
const administrator = "/etc/unidesk-admin"

const registryDockerfile = `FROM scratch
COPY registry /bin/registry
ENTRYPOINT ["/bin/registry"]
CMD ["serve", "/etc/docker/registry/config.yml"]
`

// agentConfig is what bootstrap wrote, with the roles that an administrator adds.
const agentConfig = `version: 2
registry: http://` + registryAddr + `
docker: /run/docker.sock
registryRoots: [/home/ubuntu/.unidesk]
roles:
  read: [` + hosts.ReadOnlyUser + `]
  operate: [` + hosts.DeployUser + `]
  admin: [` + hosts.AdminUser + `]
projects:
  findjob:
    root: /home/ubuntu/findjob
    files: [docker-compose.yml]
    envFile: /home/ubuntu/findjob/.state/compose.env
    services:
      findjob:
        container: findjob-backend
        image: findjob
        keyPrefix: UNIDESK_FINDJOB_DEPLOY_
        probe: {port: 8080, path: /health}
  pipeline:
    root: /home/ubuntu/pipeline
    files: [docker-compose.yml]
    envFile: /home/ubuntu/pipeline/.state/compose.env
    services:
      pipeline:
        container: pipeline-backend
        image: pipeline
        keyPrefix: UNIDESK_PIPELINE_DEPLOY_
        probe: {port: 8080, path: /health}
`

// d601Env is the env file of a service's project.
func d601Env(service string) string { return "/home/ubuntu/" + service + "/.state/compose.env" }

// furnishD601 makes a bare host, which has ssh, sudo, Docker and systemd, what the
// product's own commands make of it.
func (w *world) furnishD601(ctx context.Context) error {
	if err := w.haveRegistryImage(ctx); err != nil {
		return fmt.Errorf("build the registry's image: %w", err)
	}
	for _, step := range []struct {
		output *string
		args   []string
	}{
		{&w.bare, []string{"artifact-registry", "status"}},
		{&w.bootstrapped, []string{"host", "bootstrap", "D601", "--agent", "/root/unidesk-agent"}},
		{&w.notInstalled, []string{"artifact-registry", "status"}},
		{&w.installed, []string{"artifact-registry", "install"}},
	} {
		cmd := w.Master.Exec(ctx, append([]string{"unidesk-controller", "--config", administrator, "-o", "json"}, step.args...)...)
		out, err := cmd.Output()
		if *step.output = string(out); err != nil && step.output != &w.bare {
			return fmt.Errorf("%v: %w: %s", step.args, err, out)
		}
	}
	for user, groups := range map[string]string{noRole: agentGroup, outside: "nogroup"} {
		ssh := "/home/" + user + "/.ssh"
		if err := each(ctx, w.D601, "useradd --create-home --shell /bin/sh --groups "+groups+" "+user); err != nil {
			return err
		}
		if err := put(ctx, w.D601, file{path: ssh + "/authorized_keys", text: w.Keys.Deploy.Public + "\n", mode: 0o600}); err != nil {
			return err
		}
		if err := each(ctx, w.D601, "chown -R "+user+":"+user+" "+ssh); err != nil {
			return err
		}
	}
	files := []file{{path: "/etc/unidesk/agent.yaml", text: agentConfig, mode: 0o600}}
	for _, service := range []string{"findjob", "pipeline"} {
		files = append(files,
			file{path: "/home/ubuntu/" + service + "/docker-compose.yml", from: filepath.Join(repo, "sample", "d601", service+".yaml")},
			file{path: d601Env(service), text: "SOMETHING=else\n", mode: 0o600})
	}
	if err := put(ctx, w.D601, files...); err != nil {
		return err
	}
	// The service is stopped and the socket is not: the first caller starts it.
	return each(ctx, w.D601,
		"usermod --append --groups "+agentGroup+" "+hosts.DeployUser,
		"usermod --append --groups "+agentGroup+" "+hosts.ReadOnlyUser,
		"systemctl stop "+agentUnit)
}

// haveRegistryImage builds the image that the catalog expects, registry:2.8.3,
// around the real thing of that version: nothing can be pulled here.
func (w *world) haveRegistryImage(ctx context.Context) error {
	const dir = "/root/registry-image"
	if err := put(ctx, w.D601,
		file{path: dir + "/Dockerfile", text: registryDockerfile},
		file{path: dir + "/registry", from: filepath.Join(w.tools, "registry"), mode: 0o755},
	); err != nil {
		return err
	}
	return each(ctx, w.D601, "docker build --quiet --tag registry:2.8.3 "+dir)
}

// registryAnswers waits until it does.
func (w *world) registryAnswers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DialContext: w.D601.Dial, DisableKeepAlives: true}}
	for {
		response, err := client.Get("http://" + registryAddr + "/v2/")
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("it answers %s", response.Status)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the registry: %w", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
