//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/lab/hosts"
)

// What D601 runs: CNCF Distribution 2.8.3 as a container that is published on its
// loopback only, and the agent under systemd.
const (
	registry          = "127.0.0.1:5000"
	registryContainer = "unidesk-artifact-registry"
	storage           = "/home/ubuntu/.unidesk/registry-storage"
)

// Accounts that the agent must refuse: one in its group without a role, and one
// that is not in its group.
const (
	noRole  = "unidesk-norole"
	outside = "unidesk-outside"
)

const registryDockerfile = `FROM scratch
COPY registry /bin/registry
COPY config.yml /etc/docker/registry/config.yml
ENTRYPOINT ["/bin/registry"]
CMD ["serve", "/etc/docker/registry/config.yml"]
`

const registryConfig = `version: 0.1
log: {level: warn, accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: /var/lib/registry}
  delete: {enabled: true}
http: {addr: ":5000"}
`

const agentConfig = `version: 1
registry: http://` + registry + `
docker: /run/docker.sock
roles:
  read: [` + hosts.ReadOnlyUser + `]
  operate: [` + hosts.DeployUser + `]
`

func (w *world) furnishD601(ctx context.Context) error {
	if err := w.runRegistry(ctx); err != nil {
		return fmt.Errorf("run the registry: %w", err)
	}
	if err := w.installAgent(ctx); err != nil {
		return fmt.Errorf("install the agent: %w", err)
	}
	for user, groups := range map[string]string{noRole: hosts.AgentGroup, outside: "nogroup"} {
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
	return nil
}

// runRegistry builds the image that the catalog expects, registry:2.8.3, around
// the real thing of that version, and runs it as D601 does.
func (w *world) runRegistry(ctx context.Context) error {
	const dir = "/root/registry-image"
	if err := put(ctx, w.D601,
		file{path: dir + "/Dockerfile", text: registryDockerfile},
		file{path: dir + "/config.yml", text: registryConfig},
		file{path: dir + "/registry", from: filepath.Join(w.tools, "registry"), mode: 0o755},
	); err != nil {
		return err
	}
	if err := each(ctx, w.D601,
		"docker build --quiet --tag registry:2.8.3 "+dir,
		"docker run --detach --name "+registryContainer+" --restart always --publish "+registry+":5000 --volume "+storage+":/var/lib/registry registry:2.8.3",
	); err != nil {
		return err
	}
	return w.registryAnswers(ctx)
}

// registryAnswers waits until it does.
func (w *world) registryAnswers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DialContext: w.D601.Dial, DisableKeepAlives: true}}
	for {
		response, err := client.Get("http://" + registry + "/v2/") //nolint:noctx // its client has a limit
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

// installAgent does what a package would, with the files of packaging/.
func (w *world) installAgent(ctx context.Context) error {
	packaged := func(name string) string { return filepath.Join(repo, "packaging", name) }
	for _, f := range []file{
		{path: "/usr/bin/unidesk-agent", from: filepath.Join(w.dir, "unidesk-agent"), mode: 0o755},
		{path: "/usr/lib/systemd/system/unidesk-agent.service", from: packaged("unidesk-agent.service")},
		{path: "/usr/lib/systemd/system/unidesk-agent.socket", from: packaged("unidesk-agent.socket")},
		{path: "/usr/lib/sysusers.d/unidesk-agent.conf", from: packaged("unidesk-agent.sysusers.conf")},
		{path: "/usr/lib/tmpfiles.d/unidesk-agent.conf", from: packaged("unidesk-agent.tmpfiles.conf")},
		{path: "/etc/unidesk/agent.yaml", text: agentConfig, mode: os.FileMode(0o600)},
	} {
		if err := put(ctx, w.D601, f); err != nil {
			return err
		}
	}
	// The socket is started and the service is not: the first caller starts it.
	return each(ctx, w.D601,
		"systemd-sysusers", "systemd-tmpfiles --create /usr/lib/tmpfiles.d/unidesk-agent.conf",
		"systemctl daemon-reload", "systemctl enable unidesk-agent.service", "systemctl start unidesk-agent.socket")
}
