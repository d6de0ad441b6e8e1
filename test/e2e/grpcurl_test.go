//go:build e2e

package e2e

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

const api = "unidesk.artifact.v1."

// An account with the role can look at the agent with the usual tool.
func TestGrpcurlReadsTheAgent(t *testing.T) {
	const service = "project-manager"
	published := release(t, service, lab.Change{})
	program := filepath.Join(two.dir, "grpcurl")
	_, err := build(t.Context(), "go", "build", "-modfile=tools/go.mod", "-buildvcs=false", "-o", program, "github.com/fullstorydev/grpcurl/cmd/grpcurl")
	must(t, err)
	must(t, two.D601.CopyIn(t.Context(), program, "/usr/local/bin/grpcurl", 0o755))
	grpcurl := func(flags ...string) *exec.Cmd {
		// As an account that may only read.
		argv := []string{"runuser", "-u", "unidesk-ro", "--", "grpcurl", "-unix", "-plaintext"}
		return two.D601.Exec(t.Context(), append(argv, flags...)...)
	}
	const socket = "/run/unidesk-agent/agent.sock"

	cases := []struct {
		name  string
		flags []string
		want  []string
	}{
		{"lists the services", []string{socket, "list"}, []string{api + "HostService", api + "ImageService", "grpc.health.v1.Health"}},
		{"describes a service", []string{socket, "describe", api + "ImageService"}, []string{"rpc Resolve", "rpc Stream", "rpc List"}},
		{"calls Describe", []string{socket, api + "HostService/Describe"}, []string{`"hostname": "` + two.D601.Name + `"`, `"agentVersion": "e2e"`}},
		{
			"calls List",
			[]string{"-d", `{"repository": "unidesk/` + service + `"}`, socket, api + "ImageService/List"},
			[]string{published.SourceCommit, published.Digest},
		},
		{
			"calls Resolve",
			[]string{"-d", request(t, published), socket, api + "ImageService/Resolve"},
			[]string{published.Digest, `"manifest": "`},
		},
		{"asks for its health", []string{socket, "grpc.health.v1.Health/Check"}, []string{`"status": "SERVING"`}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			out, err := grpcurl(c.flags...).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			for _, want := range c.want {
				if !strings.Contains(string(out), want) {
					t.Errorf("no %q in %s", want, out)
				}
			}
		})
	}
	t.Run("and may change nothing", func(t *testing.T) {
		out, err := grpcurl(socket, api+"WorkloadService/Settle").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "Code: PermissionDenied") || !strings.Contains(string(out), "needs the role operate") {
			t.Errorf("%v: %s", err, out)
		}
	})
}

func request(t *testing.T, s lab.Summary) string {
	t.Helper()
	b, err := json.Marshal(map[string]any{
		"repository": "unidesk/" + s.ServiceID, "commit": s.SourceCommit,
		"platform": map[string]string{"os": "linux", "architecture": "amd64"},
	})
	must(t, err)
	return string(b)
}
