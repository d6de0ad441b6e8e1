package proof_test

import (
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func TestAMountOverTheProgramIsUnfit(t *testing.T) {
	t.Parallel()
	ref, _ := workload.NewRef(workload.Compose, "p", "web")
	spec := workload.Spec{Ref: ref, Compose: &workload.ComposeSpec{ContainerName: "web", Image: "web"}}
	on := func(target string) []workload.Mount {
		return []workload.Mount{{Kind: "volume", Source: "v", Target: target}}
	}
	service := artifact.Image{Command: []string{"/app/service"}}
	script := artifact.Image{Command: []string{"bun", "run", "src/index.ts"}, Folder: "/app"}
	for name, c := range map[string]struct {
		image artifact.Image
		d     workload.ComposeDefinition
		says  string // "" if it fits
	}{
		"no mount":                          {image: service},
		"data":                              {image: service, d: workload.ComposeDefinition{Mounts: on("/app/data")}},
		"a volume over it":                  {image: service, d: workload.ComposeDefinition{Mounts: on("/app")}, says: "volume v on /app lies over /app/service"},
		"the file itself":                   {image: service, d: workload.ComposeDefinition{Mounts: on("/app/service")}, says: "/app/service"},
		"over the working folder":           {image: script, d: workload.ComposeDefinition{Mounts: on("/app")}, says: "lies over /app"},
		"VOLUME over it":                    {image: artifact.Image{Command: service.Command, Volumes: []string{"/data", "/app"}}, says: "VOLUME of the image on /app lies over /app/service"},
		"VOLUME of data":                    {image: artifact.Image{Command: service.Command, Volumes: []string{"/data"}}},
		"the service has another program":   {image: service, d: workload.ComposeDefinition{Mounts: on("/app"), Programs: []string{"/srv/x"}}},
		"over another program":              {image: service, d: workload.ComposeDefinition{Mounts: on("/srv"), Programs: []string{"/srv/x"}}, says: "lies over /srv/x"},
		"in the image's working folder":     {image: script, d: workload.ComposeDefinition{Mounts: on("/app"), Programs: []string{workload.WorkFolder}}, says: "lies over /app"},
		"the working folder is all of it":   {image: service, d: workload.ComposeDefinition{Mounts: on("/data"), Programs: []string{workload.WorkFolder}}},
		"nothing is known of its programs":  {d: workload.ComposeDefinition{Mounts: on("/app")}},
		"an interpreter from another place": {image: script, d: workload.ComposeDefinition{Mounts: on("/usr/local")}, says: "lies over /usr/local/bin"},
	} {
		check, blocked := proof.Blocking(proof.Uncovered(spec, c.image, workload.Observation{Units: []workload.Unit{{Compose: &c.d}}}))
		if blocked != (c.says != "") || blocked && (check.Reason != fault.WorkloadUnfit || check.Fix == "" || !strings.Contains(check.Detail, c.says)) {
			t.Errorf("%s: %v %+v", name, blocked, check)
		}
	}
}

// The health answer may name the new commit all the same: who wrote it into the
// environment was the deploy.
func TestAProgramUnderAMountIsNoProof(t *testing.T) {
	t.Parallel()
	want := wanted()
	want.Composed = true
	in := right()
	in.Mounts, in.Programs = []workload.Mount{{Kind: "volume", Source: "web_app", Target: "/app"}}, []string{"/app/service"}
	v := proof.Judge(want, workload.Observation{Instances: []workload.Instance{*in}})
	if v.Status != proof.Wrong || v.Reason() != "program is in volume web_app on /app, which lies over /app/service, want the image's own files" {
		t.Errorf("%s: %s", v.Status, v.Reason())
	}
	in.Mounts[0].Target = "/app/data"
	if v := proof.Judge(want, workload.Observation{Instances: []workload.Instance{*in}}); v.Status != proof.Proven {
		t.Errorf("data: %s: %s", v.Status, v.Reason())
	}
	for _, f := range proof.Judge(want, workload.Observation{Instances: []workload.Instance{*right()}}).Findings {
		if f.Check == "program" {
			t.Error("an agent that reports no programs vouches for them")
		}
	}
}
