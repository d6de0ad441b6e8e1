package proof_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/proof"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

var (
	commitA, _ = artifact.ParseCommit(strings.Repeat("a", 40))
	commitB, _ = artifact.ParseCommit(strings.Repeat("b", 40))
	config     = artifact.DigestOf([]byte("config"))
	manifest   = artifact.DigestOf([]byte("manifest"))
)

func wanted() proof.Wanted {
	return proof.Wanted{
		Spec:  workload.Spec{Compose: &workload.ComposeSpec{ContainerName: "web"}, Probe: workload.Probe{Flags: []string{"auth.loggedIn"}}},
		Image: artifact.Pinned{Commit: commitA, Config: config, Manifest: manifest},
		Labels: map[string]string{
			artifact.LabelRevision: commitA.String(), artifact.LabelService: "web", artifact.LabelSource: "https://example.test/web",
		},
	}
}

// right is the container that is wanted, as it looks when everything holds.
func right() *workload.Instance {
	return &workload.Instance{
		ID: "c1", Name: "web", Current: true, Running: true, Config: config, ImageID: config.String(), Labels: wanted().Labels,
		Stamped: map[string]string{"COMMIT": commitA.String(), "REQUESTED_COMMIT": commitA.String(), "DIGEST": manifest.String()},
		Health: &workload.Health{
			Status: 200, OK: true, Commit: commitA.String(), RequestedCommit: commitA.String(),
			Flags: map[string]bool{"auth.loggedIn": true},
		},
	}
}

func composed(w *proof.Wanted) { w.Composed = true }

// stampsOf are all deploy keys of a deploy, but for a key that has another value.
func stampsOf(other string) map[string]string {
	stamps := map[string]string{
		"COMMIT": commitA.String(), "REQUESTED_COMMIT": commitA.String(), "DIGEST": manifest.String(),
		"IMAGE": "registry/web", "SERVICE_ID": "web", "SOURCE_REPO": "https://example.test/web", "DEPLOYED_AT": "2026-01-02T03:04:05Z",
	}
	if other != "" {
		stamps[other] = "other"
	}
	return stamps
}

func TestEachDeployKeyIsComparedWhereItRuns(t *testing.T) {
	t.Parallel()
	want := wanted()
	want.Stamps = stampsOf("")
	for _, key := range workload.Keys() {
		for check, change := range map[string]func(*workload.Instance){
			"env " + key:             func(i *workload.Instance) { i.Stamped = stampsOf(key) },
			"container label " + key: func(i *workload.Instance) { i.Labelled = stampsOf(key) },
		} {
			in := right()
			in.Stamped, in.Labelled = stampsOf(""), stampsOf("")
			change(in)
			v := proof.Judge(want, workload.Observation{Instances: []workload.Instance{*in}})
			if failed := v.Failed(); v.Status != proof.Wrong || len(failed) != 1 || failed[0].Check != check {
				t.Errorf("%s: %s, %+v", check, v.Status, failed)
			}
		}
	}
}

func TestFlagsAloneMayBecomeTrueYet(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*workload.Instance)
		only   bool
	}{
		"all holds":          {func(*workload.Instance) {}, false},
		"a flag":             {func(i *workload.Instance) { i.Health.Flags = nil }, true},
		"a flag and an env":  {func(i *workload.Instance) { i.Health.Flags = nil; i.Stamped["COMMIT"] = commitB.String() }, false},
		"a flag, old health": {func(i *workload.Instance) { i.Health.Flags = nil; i.Health.Commit = commitB.String() }, false},
		"no answer":          {func(i *workload.Instance) { i.Health = nil }, false},
	} {
		for _, before := range []bool{true, false} {
			in, want := right(), wanted()
			c.change(in)
			want.FlagsBefore = map[string]bool{"auth.loggedIn": before}
			if v := proof.Judge(want, workload.Observation{Instances: []workload.Instance{*in}}); v.OnlyFlags != c.only {
				t.Errorf("%s, before %v: %v", name, before, v.OnlyFlags)
			}
		}
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*workload.Instance)
		want   func(*proof.Wanted)
		status proof.Status
	}{
		"all holds":                        {status: proof.Proven},
		"another image":                    {change: func(i *workload.Instance) { i.Config = manifest }, status: proof.Wrong},
		"an image of unknown config":       {change: func(i *workload.Instance) { i.Config = artifact.Digest{} }, status: proof.Wrong},
		"a pulled one, of containerd's":    {change: func(i *workload.Instance) { i.Config, i.ImageID = artifact.Digest{}, manifest.String() }, status: proof.Proven},
		"a label of another commit":        {change: func(i *workload.Instance) { i.Labels = nil }, status: proof.Wrong},
		"the env of another commit":        {change: func(i *workload.Instance) { i.Stamped["COMMIT"] = commitB.String() }, status: proof.Wrong},
		"the env of another request":       {change: func(i *workload.Instance) { i.Stamped["REQUESTED_COMMIT"] = commitB.String() }, status: proof.Wrong},
		"the env of another digest":        {change: func(i *workload.Instance) { i.Stamped["DIGEST"] = config.String() }, status: proof.Wrong},
		"not running":                      {change: func(i *workload.Instance) { i.Running = false }, status: proof.Waiting},
		"no answer":                        {change: func(i *workload.Instance) { i.Health = &workload.Health{Error: "refused"} }, status: proof.Waiting},
		"503":                              {change: func(i *workload.Instance) { i.Health.Status = 503 }, status: proof.Waiting},
		"ok is false":                      {change: func(i *workload.Instance) { i.Health.OK = false }, status: proof.Waiting},
		"health was not asked":             {change: func(i *workload.Instance) { i.Health = nil }, status: proof.Waiting},
		"health of the old commit":         {change: func(i *workload.Instance) { i.Health.Commit = commitB.String() }, status: proof.Wrong},
		"health without a commit":          {change: func(i *workload.Instance) { i.Health.Commit = "" }, status: proof.Wrong},
		"health of another request":        {change: func(i *workload.Instance) { i.Health.RequestedCommit = commitB.String() }, status: proof.Wrong},
		"a leftover only":                  {change: func(i *workload.Instance) { i.Current = false }, status: proof.Waiting},
		"a flag false, unknown before":     {change: func(i *workload.Instance) { i.Health.Flags = nil }, status: proof.Degraded},
		"a flag false, true before":        {change: func(i *workload.Instance) { i.Health.Flags = nil }, want: func(w *proof.Wanted) { w.FlagsBefore = map[string]bool{"auth.loggedIn": true} }, status: proof.Wrong},
		"composed, of another commit":      {change: func(i *workload.Instance) { i.Health.Commit = commitB.String() }, want: composed, status: proof.Wrong},
		"composed, of another, in short":   {change: func(i *workload.Instance) { i.Health.Commit = commitB.Short() }, want: composed, status: proof.Wrong},
		"composed, of its commit in short": {change: func(i *workload.Instance) { i.Health.Commit = commitA.Short() }, want: composed, status: proof.Proven},
		"composed, of another request":     {change: func(i *workload.Instance) { i.Health.RequestedCommit = commitB.String() }, want: composed, status: proof.Wrong},
		"composed, of no commit":           {change: func(i *workload.Instance) { i.Health.Commit = "development" }, want: composed, status: proof.Proven},
		"docker calls it healthy":          {change: func(i *workload.Instance) { i.Healthcheck = "healthy" }, status: proof.Proven},
		"docker calls it unhealthy":        {change: func(i *workload.Instance) { i.Healthcheck = "unhealthy" }, status: proof.Waiting},
		"docker waits for its health":      {change: func(i *workload.Instance) { i.Healthcheck = "starting" }, status: proof.Waiting},
		"the labels of this deploy":        {change: func(i *workload.Instance) { i.Labelled = maps.Clone(i.Stamped) }, status: proof.Proven},
		"the labels of another commit": {change: func(i *workload.Instance) {
			i.Labelled = maps.Clone(i.Stamped)
			i.Labelled["COMMIT"] = commitB.String()
		}, status: proof.Wrong},
		"no label": {change: func(i *workload.Instance) { i.Labelled = map[string]string{} }, status: proof.Wrong},
		"all keys": {change: func(i *workload.Instance) {
			i.Stamped = stampsOf("")
			i.Labelled = stampsOf("")
		}, want: func(w *proof.Wanted) { w.Stamps = stampsOf("") }, status: proof.Proven},
		"composed, health says nothing": {change: func(i *workload.Instance) { i.Health.Commit, i.Health.RequestedCommit = "", "" }, want: func(w *proof.Wanted) { w.Composed = true }, status: proof.Proven},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, want := right(), wanted()
			if c.change != nil {
				c.change(in)
			}
			if c.want != nil {
				c.want(&want)
			}
			v := proof.Judge(want, workload.Observation{Instances: []workload.Instance{*in}})
			if v.Status != c.status {
				t.Errorf("%s, want %s: %+v", v.Status, c.status, v.Findings)
			}
			if (v.Status == proof.Proven) != (v.Reason() == "") {
				t.Errorf("%s with reason %q", v.Status, v.Reason())
			}
		})
	}
}

func TestComposedHealthIsNotAWitness(t *testing.T) {
	t.Parallel()
	want := wanted()
	want.Composed = true
	for _, f := range proof.Judge(want, workload.Observation{Instances: []workload.Instance{*right()}}).Findings {
		if f.Check == "health deploy.commit" && f.Kind != proof.Stamped {
			t.Errorf("kind %s", f.Kind)
		}
	}
}

func TestStreakWantsThreeEqualAnswersOverTheWholeTime(t *testing.T) {
	t.Parallel()
	good := proof.Judge(wanted(), workload.Observation{Instances: []workload.Instance{*right()}})
	restarted := right()
	restarted.Restarts = 1
	other := proof.Judge(wanted(), workload.Observation{Instances: []workload.Instance{*restarted}})
	waiting := proof.Judge(wanted(), workload.Observation{})
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	for name, c := range map[string]struct {
		verdicts []proof.Verdict
		final    bool
	}{
		"over 5 s":                 {[]proof.Verdict{good, good, good, good, good, good}, true},
		"too short":                {[]proof.Verdict{good, good, good}, false},
		"a restart begins anew":    {[]proof.Verdict{good, good, good, other, other, other}, false},
		"a gap begins anew":        {[]proof.Verdict{good, good, waiting, good, good, good}, false},
		"waiting is never an end":  {[]proof.Verdict{waiting, waiting, waiting, waiting, waiting, waiting}, false},
		"long enough after a wait": {[]proof.Verdict{waiting, good, good, good, good, good, good}, true},
	} {
		streak, final := proof.Streak{Stable: 5 * time.Second}, false
		for i, v := range c.verdicts {
			final = streak.Add(v, at(i))
		}
		if final != c.final {
			t.Errorf("%s: final %v", name, final)
		}
	}
	two := proof.Streak{Stable: 5 * time.Second}
	two.Add(good, at(0))
	if two.Add(good, at(60)) {
		t.Error("two answers are enough")
	}
}

// observed is a host whose Compose file has this definition.
func observed(d workload.ComposeDefinition) workload.Observation {
	return workload.Observation{Units: []workload.Unit{{Name: "web", Compose: &d}}}
}

func TestFitNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	ref, _ := workload.NewRef(workload.Compose, "p", "web")
	spec := workload.Spec{Ref: ref, KeyPrefix: "UNIDESK_WEB_DEPLOY_", Compose: &workload.ComposeSpec{ContainerName: "web", Image: "web"}}
	fit := workload.ComposeDefinition{Image: "web", ContainerName: "web", Replicas: 1}
	for _, k := range workload.Keys() {
		fit.References = append(fit.References, spec.KeyPrefix+k)
		fit.LabelReferences = append(fit.LabelReferences, spec.KeyPrefix+k)
	}
	for name, c := range map[string]struct {
		change func(*workload.Observation)
		check  string
		reason fault.Reason
	}{
		"fit":                   {func(*workload.Observation) {}, "", ""},
		"another image":         {func(o *workload.Observation) { o.Units[0].Compose.Image = "nginx" }, "compose image", fault.WorkloadUnfit},
		"another name":          {func(o *workload.Observation) { o.Units[0].Compose.ContainerName = "" }, "compose container_name", fault.WorkloadUnfit},
		"pulls always":          {func(o *workload.Observation) { o.Units[0].Compose.PullPolicy = "always" }, "compose pull_policy", fault.WorkloadUnfit},
		"two replicas":          {func(o *workload.Observation) { o.Units[0].Compose.Replicas = 2 }, "compose replicas", fault.WorkloadUnfit},
		"a key is not named":    {func(o *workload.Observation) { o.Units[0].Compose.References = fit.References[1:] }, "compose environment", fault.WorkloadUnfit},
		"nor by a label":        {func(o *workload.Observation) { o.Units[0].Compose.LabelReferences = fit.References[1:] }, "compose labels", fault.WorkloadUnfit},
		"no network of its own": {func(o *workload.Observation) { o.Units[0].Compose.NetworkMode = "host" }, "compose network_mode", fault.WorkloadUnfit},
		"another's network":     {func(o *workload.Observation) { o.Units[0].Compose.NetworkMode = "service:db" }, "compose network_mode", fault.WorkloadUnfit},
		"a bridge":              {func(o *workload.Observation) { o.Units[0].Compose.NetworkMode = "bridge" }, "", ""},
		"takes long to stop":    {func(o *workload.Observation) { o.Units[0].Compose.StopGrace = time.Hour }, "compose service web stop time", fault.WorkloadUnfit},
		"is stopped in time":    {func(o *workload.Observation) { o.Units[0].Compose.StopGrace = 10 * time.Minute }, "", ""},
		"runs, and takes long to stop": {func(o *workload.Observation) {
			o.Instances = []workload.Instance{{Name: "web", Current: true, StopGrace: time.Hour}}
		}, "container web stop time", fault.WorkloadUnfit},
		"its name is taken":   {func(o *workload.Observation) { o.NameTakenBy = &workload.Neighbour{Name: "web", Scope: "other"} }, "container name", fault.WorkloadUnfit},
		"a file is not read":  {func(o *workload.Observation) { o.Units[0].Compose.UnreadFiles = []string{"/x.yml"} }, "", ""},
		"a secret is missing": {func(o *workload.Observation) { o.Secrets = []workload.Secret{{Name: "TOKEN"}} }, "env file TOKEN", fault.EnvKeyMissing},
		"the secret is there": {func(o *workload.Observation) {
			o.Secrets = []workload.Secret{{Name: "TOKEN", Present: true, Length: 3}}
		}, "", ""},
		"the tag latest is ok": {func(o *workload.Observation) { o.Units[0].Compose.Image = "web:latest" }, "", ""},
	} {
		seen := observed(fit)
		c.change(&seen)
		got, _ := proof.Blocking(proof.Fit(spec, artifact.Image{}, seen))
		if got.Name != c.check || got.Reason != c.reason {
			t.Errorf("%s: blocked by %q (%s), want %q (%s)", name, got.Name, got.Reason, c.check, c.reason)
		}
		if got.Name != "" && got.Fix == "" {
			t.Errorf("%s: no fix", name)
		}
	}
	unread := observed(fit)
	unread.Units[0].Compose.UnreadFiles = []string{"/x.yml"}
	if checks := proof.Fit(spec, artifact.Image{}, unread); !slices.ContainsFunc(checks, func(c proof.Check) bool { return c.Warning && strings.Contains(c.Detail, "/x.yml") }) {
		t.Errorf("nothing warns of the file that is not read: %+v", checks)
	}
	seen := observed(fit)
	seen.Units[0].Compose.References = nil
	if c, _ := proof.Blocking(proof.Fit(spec, artifact.Image{}, seen)); !strings.Contains(c.Fix, "UNIDESK_WEB_DEPLOY_COMMIT: ${UNIDESK_WEB_DEPLOY_COMMIT:-}") {
		t.Errorf("no YAML to paste: %q", c.Fix)
	}
	seen.Units[0].Compose.References, seen.Units[0].Compose.LabelReferences = fit.References, nil
	if c, _ := proof.Blocking(proof.Fit(spec, artifact.Image{}, seen)); !strings.Contains(c.Fix, "    labels:\n      unidesk.deploy.commit: ${UNIDESK_WEB_DEPLOY_COMMIT:-}\n") {
		t.Errorf("no YAML to paste: %q", c.Fix)
	}
}

func TestRoomIsToldInUnitsThatPeopleRead(t *testing.T) {
	t.Parallel()
	if c := proof.Room("of the engine", 0, 75_902_100_000); !c.OK || c.Detail != "needs 0 B, 75.90 GB free" {
		t.Errorf("%+v", c)
	}
}

func TestALabelIsShownWithItsEnds(t *testing.T) {
	t.Parallel()
	required := map[string]string{"unidesk.service": "wiki"}
	for have, want := range map[string]string{"wiki ": `is "wiki ", want "wiki"`, "": `is "", want "wiki"`} {
		if got := proof.Labels(required, map[string]string{"unidesk.service": have})[0].Detail; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if got := proof.Labels(required, nil)[0].Detail; got != `is missing, want "wiki"` {
		t.Error(got)
	}
}

func TestTheSpoolsDiskIsNotTheEngines(t *testing.T) {
	t.Parallel()
	engine, spool := proof.Room("of the engine", 2, 1), proof.SpoolRoom(2, 1)
	if engine.OK || spool.OK || strings.Contains(spool.Fix, "docker") || !strings.Contains(spool.Fix, "spoolQuota") || !strings.Contains(engine.Fix, "docker image prune") {
		t.Errorf("%+v, %+v", engine, spool)
	}
	// A part of the disk stays free, so this is less than df shows; and a quota makes no room on a full disk.
	if strings.Contains(spool.Detail, "B free") || !strings.Contains(spool.Fix, "if its quota is what bounds it") {
		t.Errorf("%+v", spool)
	}
}

func TestAnEnvFileThatCannotBeReplacedIsACheck(t *testing.T) {
	t.Parallel()
	if checks := proof.Writable(workload.Observation{}); len(checks) > 0 {
		t.Errorf("of a host that does not report it: %+v", checks)
	}
	if checks := proof.Writable(workload.Observation{EnvFile: &workload.Obstacle{}}); len(checks) != 1 || !checks[0].OK {
		t.Errorf("of nothing in the way: %+v", checks)
	}
	checks := proof.Writable(workload.Observation{EnvFile: &workload.Obstacle{What: "env file /e cannot be replaced", Fix: "mount its folder"}})
	if err := proof.Fault(checks); fault.ReasonOf(err) != fault.EnvFileInvalid || err.Error() != "env file /e cannot be replaced" || fault.HintOf(err) != "mount its folder" {
		t.Errorf("%v, hint %q", err, fault.HintOf(err))
	}
}

func TestWhatAnswersNothingIsNotCalledAnAnswer(t *testing.T) {
	t.Parallel()
	in := right()
	in.Health = &workload.Health{Error: "the container has no address"}
	got := proof.Judge(wanted(), workload.Observation{Instances: []workload.Instance{*in}}).Reason()
	if got != "it does not answer for its health: the container has no address" {
		t.Error(got)
	}
	in.Health = &workload.Health{Status: 503}
	if got := proof.Judge(wanted(), workload.Observation{Instances: []workload.Instance{*in}}).Reason(); got != "health answer is 503, want 200" {
		t.Error(got)
	}
}
