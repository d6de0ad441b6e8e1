//go:build integration

package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"golang.org/x/sys/unix"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/test/drive"
)

// Whatever is wrong, it is reported with its reason, and what runs goes on running.
func TestBadInputIsRefusedAndNothingChanges(t *testing.T) {
	const service = "project-manager"
	good := world.Release(t, service, lab.Change{})
	world.DeployNow(t, service, good).Want(t, contract.DecidedSucceeded, "", 0)
	next := world.Release(t, service, lab.Change{})
	none := strings.Repeat("0", 40)

	cases := []struct {
		name string
		// arrange makes it wrong, and returns how to make it right again.
		arrange  func(t *testing.T) (undo func())
		service  string
		commit   string
		env      string
		decision contract.Decision
		reason   fault.Reason
		exit     int
	}{
		{name: "a short SHA", commit: good[:12], decision: contract.DecidedRefused, reason: fault.CommitNotPinned, exit: 2},
		{name: "an upper-case SHA", commit: strings.ToUpper(good), decision: contract.DecidedRefused, reason: fault.CommitNotPinned, exit: 2},
		{name: "latest", commit: "latest", decision: contract.DecidedRefused, reason: fault.CommitNotPinned, exit: 2},
		{name: "a branch", commit: "master", decision: contract.DecidedRefused, reason: fault.CommitNotPinned, exit: 2},
		{name: "an unknown service", service: "no-such", decision: contract.DecidedRefused, reason: fault.UnknownService, exit: 2},
		{name: "an unknown environment", env: "staging", decision: contract.DecidedRefused, reason: fault.Usage, exit: 2},
		{name: "an environment without a target", env: "dev", decision: contract.DecidedUnsupported, reason: fault.Unsupported, exit: 3},
		{name: "a commit that was never published", commit: none, decision: contract.DecidedBlocked, reason: fault.ArtifactNotFound, exit: 3},
		{name: "another commit's label", commit: relabelled(t, service, "1", "org.opencontainers.image.revision", none), decision: contract.DecidedBlocked, reason: fault.LabelMismatch, exit: 3},
		{name: "another service's label", commit: relabelled(t, service, "2", "unidesk.service", "todo-note"), decision: contract.DecidedBlocked, reason: fault.LabelMismatch, exit: 3},
		{name: "no service label", commit: relabelled(t, service, "3", "unidesk.service", ""), decision: contract.DecidedBlocked, reason: fault.LabelMismatch, exit: 3},
		{name: "an image whose VOLUME lies over its program", commit: reconfigured(t, service, "4", func(c *v1.Config) {
			c.Entrypoint, c.WorkingDir, c.Volumes = []string{"./service"}, "/app", map[string]struct{}{"/app": {}}
		}), decision: contract.DecidedBlocked, reason: fault.WorkloadUnfit, exit: 3},
		{name: "a Compose service with a volume over its program", arrange: func(t *testing.T) func() {
			return drive.EditFile(t, world.Master.ComposeFile(), func(s string) string {
				return strings.Replace(s, "\n  project-manager:\n", "\n  project-manager:\n    volumes: [\"./away:/service\"]\n", 1)
			})
		}, decision: contract.DecidedBlocked, reason: fault.WorkloadUnfit, exit: 3},
		{name: "a Compose service in the host's network", arrange: func(t *testing.T) func() {
			return drive.EditFile(t, world.Master.ComposeFile(), func(s string) string {
				return strings.Replace(s, "\n  project-manager:\n", "\n  project-manager:\n    network_mode: host\n", 1)
			})
		}, decision: contract.DecidedBlocked, reason: fault.WorkloadUnfit, exit: 3},
		{name: "a Compose service that may take long to stop", arrange: func(t *testing.T) func() {
			return drive.EditFile(t, world.Master.ComposeFile(), func(s string) string {
				return strings.Replace(s, "\n  project-manager:\n", "\n  project-manager:\n    stop_grace_period: 11m\n", 1)
			})
		}, decision: contract.DecidedBlocked, reason: fault.WorkloadUnfit, exit: 3},
		{name: "another source's label", commit: relabelled(t, service, "5", "org.opencontainers.image.source", "https://example.test/other"), decision: contract.DecidedBlocked, reason: fault.LabelMismatch, exit: 3},
		{name: "a wrong blob in the registry", commit: world.ReleaseDamaged(t, service), decision: contract.DecidedBlocked, reason: fault.DigestMismatch, exit: 3},
		{name: "the registry is down", arrange: func(t *testing.T) func() {
			drive.Must(t, world.Registry.Stop())
			return func() { drive.Must(t, world.Registry.Start(t.Context())) }
		}, decision: contract.DecidedFailed, reason: fault.RegistryUnavailable, exit: 1},
		{name: "the host is down", arrange: func(t *testing.T) func() {
			drive.Must(t, world.SSH.Stop())
			return func() { drive.Must(t, world.SSH.Start(t.Context())) }
		}, decision: contract.DecidedFailed, reason: fault.HostUnreachable, exit: 1},
		{name: "a wrong host key", arrange: func(t *testing.T) func() {
			drive.Must(t, world.SSH.SwapHostKey(t.Context()))
			return func() { drive.Must(t, world.SSH.TrustHostKey()) }
		}, decision: contract.DecidedFailed, reason: fault.HostKeyMismatch, exit: 1},
		{name: "no agent there", arrange: func(t *testing.T) func() {
			drive.Must(t, world.Agent.Stop())
			return func() { drive.Must(t, world.Agent.Start(t.Context())) }
		}, decision: contract.DecidedFailed, reason: fault.HostUnreachable, exit: 1},
		{name: "a user without the role", arrange: func(t *testing.T) func() {
			settings := world.Settings(lab.Options{})
			settings.Command = append([]string{"setpriv", "--reuid=65534", "--clear-groups"}, settings.Command...)
			drive.Must(t, world.Configure(settings))
			return func() {
				drive.Must(t, world.Configure(world.Settings(lab.Options{})))
				drive.Must(t, world.Hurry())
			}
		}, decision: contract.DecidedBlocked, reason: fault.RoleMissing, exit: 3},
		{name: "a spool without room", arrange: func(t *testing.T) func() {
			return drive.EditFile(t, filepath.Join(world.Controller.Config, "controller.yaml"), func(s string) string {
				return regexp.MustCompile(`spoolQuota: \d+`).ReplaceAllString(s, "spoolQuota: 1000")
			})
		}, decision: contract.DecidedBlocked, reason: fault.DiskFull, exit: 3},
		{name: "a Compose service that does not exist", arrange: func(t *testing.T) func() {
			return drive.EditFile(t, world.Master.ComposeFile(), func(s string) string {
				return strings.Replace(s, "\n  "+service+":", "\n  renamed:", 1)
			})
		}, decision: contract.DecidedBlocked, reason: fault.WorkloadNotFound, exit: 3},
		{name: "a Compose service that does not name the keys", arrange: func(t *testing.T) func() {
			return drive.EditFile(t, world.Master.ComposeFile(), func(s string) string {
				return strings.ReplaceAll(s, "UNIDESK_PROJECT_MANAGER_DEPLOY_DIGEST", "SOMETHING_ELSE")
			})
		}, decision: contract.DecidedBlocked, reason: fault.WorkloadUnfit, exit: 3},
		{name: "a Compose service that shows no key in its labels", arrange: func(t *testing.T) func() {
			return drive.EditFile(t, world.Master.ComposeFile(), func(s string) string {
				return regexp.MustCompile(`(unidesk\.deploy\.[a-z-]+:) \$\{UNIDESK_PROJECT_MANAGER_.*`).ReplaceAllString(s, "$1 none")
			})
		}, decision: contract.DecidedBlocked, reason: fault.WorkloadUnfit, exit: 3},
		{name: "a Compose service that names the keys in its labels only", arrange: func(t *testing.T) func() {
			return drive.EditFile(t, world.Master.ComposeFile(), func(s string) string {
				return regexp.MustCompile(`UNIDESK_PROJECT_MANAGER_DEPLOY_([A-Z_]+): .*`).ReplaceAllString(s, "SHOWN_$1: none")
			})
		}, decision: contract.DecidedBlocked, reason: fault.WorkloadUnfit, exit: 3},
		{name: "a Compose service that sets a key under another name", arrange: func(t *testing.T) func() {
			return drive.EditFile(t, world.Master.ComposeFile(), func(s string) string {
				return strings.Replace(s, "UNIDESK_PROJECT_MANAGER_DEPLOY_COMMIT: ", "COMMIT: ", 1)
			})
		}, decision: contract.DecidedBlocked, reason: fault.WorkloadUnfit, exit: 3},
		{name: "a Compose file that Compose cannot read", arrange: func(t *testing.T) func() {
			return drive.EditFile(t, world.Master.ComposeFile(), func(s string) string { return s + "\n  : : nonsense\n" })
		}, decision: contract.DecidedFailed, reason: fault.ComposeFailed, exit: 1},
		{name: "an env file that Compose cannot parse", arrange: func(t *testing.T) func() {
			return drive.EditFile(t, world.Master.EnvFile, func(s string) string { return s + "BROKEN SECRET_abcdef='s3cr3t-value-here\n" })
		}, decision: contract.DecidedBlocked, reason: fault.EnvFileInvalid, exit: 3},
		{name: "an env file that is mounted over", arrange: func(t *testing.T) func() {
			drive.Must(t, unix.Mount(world.Master.EnvFile, world.Master.EnvFile, "", unix.MS_BIND, ""))
			return func() { drive.Must(t, unix.Unmount(world.Master.EnvFile, unix.MNT_DETACH)) }
		}, decision: contract.DecidedBlocked, reason: fault.EnvFileInvalid, exit: 3},
		{name: "an env file in a read-only folder", arrange: func(t *testing.T) func() {
			folder := filepath.Dir(world.Master.EnvFile)
			drive.Must(t, unix.Mount(folder, folder, "", unix.MS_BIND, ""))
			drive.Must(t, unix.Mount("", folder, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
			return func() { drive.Must(t, unix.Unmount(folder, unix.MNT_DETACH)) }
		}, decision: contract.DecidedBlocked, reason: fault.EnvFileInvalid, exit: 3},
		{name: "no env file", arrange: func(t *testing.T) func() {
			moved := world.Master.EnvFile + ".away"
			drive.Must(t, os.Rename(world.Master.EnvFile, moved))
			return func() { drive.Must(t, os.Rename(moved, world.Master.EnvFile)) }
		}, decision: contract.DecidedBlocked, reason: fault.EnvFileInvalid, exit: 3},
		{name: "config.json that is no JSON", arrange: func(t *testing.T) func() {
			return drive.EditFile(t, filepath.Join(world.Master.Root, "config.json"), func(s string) string { return s + "}" })
		}, decision: contract.DecidedRefused, reason: fault.ConfigInvalid, exit: 1},
		{name: "an unknown key in controller.yaml", arrange: func(t *testing.T) func() {
			return drive.EditFile(t, filepath.Join(world.Controller.Config, "controller.yaml"), func(s string) string { return s + "surprise: 1\n" })
		}, decision: contract.DecidedRefused, reason: fault.ConfigInvalid, exit: 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			env := world.EnvFile(t)
			if c.arrange != nil {
				undo := c.arrange(t)
				defer undo()
				env = ""
			}
			flags := []string{}
			if c.env != "" {
				flags = append(flags, "--env", c.env)
			}
			a := world.DeployNow(t, or(c.service, service), or(c.commit, next), flags...)
			if c.arrange != nil {
				// what runs is looked at once things are right again
				defer world.Lives(t, service, good)
			} else {
				world.Lives(t, service, good)
			}
			a.Want(t, c.decision, c.reason, c.exit)
			if a.Result.Mutated || a.Result.Changed {
				t.Errorf("mutated %v, changed %v", a.Result.Mutated, a.Result.Changed)
			}
			// Only a blob is known to be wrong no sooner than it comes.
			early := []workload.Point{workload.PointGuard, workload.PointResolve, workload.PointPreflight}
			if f := a.Result.Failure; c.decision == contract.DecidedBlocked && c.reason != fault.DigestMismatch && !slices.Contains(early, f.Step) {
				t.Errorf("it was found at %s, which a plan does not come to", f.Step)
			}
			if strings.Contains(string(a.Stdout)+a.Stderr, "s3cr3t") {
				t.Error("the broken line was printed")
			}
			if env != "" && world.EnvFile(t) != env {
				t.Error("the env file changed")
			}
			world.Clean(t, service)
		})
	}
	world.DeployNow(t, service, next).Want(t, contract.DecidedSucceeded, "", 0)
}

func TestMissingSecretsAreToldByNameOnly(t *testing.T) {
	const service = "baidu-netdisk"
	good := world.Release(t, service, lab.Change{})
	world.DeployNow(t, service, good).Want(t, contract.DecidedSucceeded, "", 0)
	next := world.Release(t, service, lab.Change{})
	undo := drive.EditFile(t, world.Master.EnvFile, func(s string) string {
		return strings.Replace(s, "UNIDESK_BAIDU_NETDISK_TOKEN_KEY=", "UNIDESK_BAIDU_NETDISK_OTHER=", 1)
	})
	a := world.DeployNow(t, service, next)
	undo()
	a.Want(t, contract.DecidedBlocked, fault.EnvKeyMissing, 3)
	if !strings.Contains(a.Result.Failure.Message, "UNIDESK_BAIDU_NETDISK_TOKEN_KEY") {
		t.Errorf("message %q", a.Result.Failure.Message)
	}
	world.Lives(t, service, good)
}

// A flag that was true before and is false after takes the version back.
func TestALostLoginIsTakenBack(t *testing.T) {
	const service = "baidu-netdisk"
	good := world.Release(t, service, lab.Change{})
	world.DeployNow(t, service, good).Want(t, contract.DecidedSucceeded, "", 0)
	bad := world.Release(t, service, lab.Change{Behaviour: "logged-out"})
	world.DeployNow(t, service, bad).Want(t, contract.DecidedReverted, fault.NotProven, 1)
	world.Lives(t, service, good)
}

// relabelled publishes an image under a commit with another label.
func relabelled(t *testing.T, service, digit, label, value string) string {
	t.Helper()
	good, err := world.CI.Release(t.Context(), service, lab.Change{Behaviour: "ok"})
	drive.Must(t, err)
	commit := strings.Repeat(digit, 40)
	labels := map[string]string{"org.opencontainers.image.revision": commit}
	labels[label] = value
	_, err = world.CI.PushLabelled(t.Context(), good, commit, labels)
	drive.Must(t, err)
	return commit
}

// reconfigured publishes an image under a commit with another configuration.
func reconfigured(t *testing.T, service, digit string, change func(*v1.Config)) string {
	t.Helper()
	good, err := world.CI.Release(t.Context(), service, lab.Change{Behaviour: "ok"})
	drive.Must(t, err)
	image, err := world.CI.Image(t.Context(), good)
	drive.Must(t, err)
	file, err := image.ConfigFile()
	drive.Must(t, err)
	commit, config := strings.Repeat(digit, 40), *file.Config.DeepCopy()
	config.Labels["org.opencontainers.image.revision"] = commit
	change(&config)
	image, err = mutate.Config(image, config)
	drive.Must(t, err)
	_, err = world.CI.PushImage(t.Context(), service, commit, image)
	drive.Must(t, err)
	return commit
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
