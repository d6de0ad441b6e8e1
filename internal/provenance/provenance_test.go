package provenance_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
)

const (
	source = "https://github.com/pikasTech/unidesk"
	host   = "127.0.0.1:5000/"
)

var (
	ones, twos = strings.Repeat("1", 40), strings.Repeat("2", 40)
	manifest   = artifact.DigestOf([]byte("manifest"))
	index      = artifact.DigestOf([]byte("index"))
)

func wanted(t *testing.T) provenance.Wanted {
	t.Helper()
	w := provenance.Wanted{Source: source, Manifest: manifest}
	for text, into := range map[string]interface{ UnmarshalText([]byte) error }{
		"code-queue-mgr": &w.Service, ones: &w.Commit, "unidesk/code-queue-mgr": &w.Repository,
	} {
		if err := into.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func summary(digest artifact.Digest) provenance.Summary {
	return provenance.Summary{
		ServiceID: "code-queue-mgr", SourceRepo: source, SourceCommit: ones, Dockerfile: "Dockerfile",
		ImageRef: host + "unidesk/code-queue-mgr:" + ones, Tag: ones,
		Digest: digest.String(), DigestRef: host + "unidesk/code-queue-mgr@" + digest.String(),
	}
}

func TestASummaryAgreesInEverythingOrInNothing(t *testing.T) {
	t.Parallel()
	type change = func(*provenance.Summary)
	const verified, unverified, contradicted = provenance.Verified, provenance.Unverified, provenance.Contradicted
	for name, c := range map[string]struct {
		change change
		status provenance.Status
		detail string
	}{
		"the same":                    {func(*provenance.Summary) {}, verified, ""},
		"another registry's name":     {func(s *provenance.Summary) { s.ImageRef = "d601.example.org/unidesk/code-queue-mgr:" + ones }, verified, ""},
		"a source with .git":          {func(s *provenance.Summary) { s.SourceRepo += ".git" }, verified, ""},
		"a source with a slash":       {func(s *provenance.Summary) { s.SourceRepo += "/" }, verified, ""},
		"no Dockerfile":               {func(s *provenance.Summary) { s.Dockerfile = "" }, verified, ""},
		"another service":             {func(s *provenance.Summary) { s.ServiceID = "code-queue" }, contradicted, `serviceId "code-queue"`},
		"another commit":              {func(s *provenance.Summary) { s.SourceCommit = twos }, contradicted, "sourceCommit"},
		"a short commit":              {func(s *provenance.Summary) { s.SourceCommit = ones[:12] }, contradicted, "sourceCommit"},
		"another source":              {func(s *provenance.Summary) { s.SourceRepo += "-fork" }, contradicted, "sourceRepo"},
		"a mutable tag":               {func(s *provenance.Summary) { s.Tag = "latest" }, contradicted, `tag "latest"`},
		"another digest":              {func(s *provenance.Summary) { s.Digest = index.String() }, contradicted, "digest \""},
		"the digest of something":     {func(s *provenance.Summary) { s.Digest = "sha1:00" }, contradicted, "digest \""},
		"another repository":          {func(s *provenance.Summary) { s.ImageRef = host + "unidesk/code-queue:" + ones }, contradicted, "imageRef"},
		"another tag in the image":    {func(s *provenance.Summary) { s.ImageRef = host + "unidesk/code-queue-mgr:latest" }, contradicted, "imageRef"},
		"a digest that disagrees":     {func(s *provenance.Summary) { s.DigestRef = host + "unidesk/code-queue-mgr@" + index.String() }, contradicted, "digestRef"},
		"an image without a registry": {func(s *provenance.Summary) { s.ImageRef = "code-queue-mgr:" + ones }, contradicted, "imageRef"},
		"nothing of the service":      {func(s *provenance.Summary) { s.ServiceID = "" }, unverified, "lacks serviceId"},
		"nothing of the digest":       {func(s *provenance.Summary) { s.Digest, s.DigestRef = "", "" }, unverified, "lacks digest, digestRef"},
		"nothing at all":              {func(s *provenance.Summary) { *s = provenance.Summary{} }, unverified, "lacks serviceId, sourceCommit, sourceRepo, tag"},
		"less, and something else":    {func(s *provenance.Summary) { s.ServiceID, s.Digest = "", index.String() }, contradicted, "digest \""},
		"a value that would steer":    {func(s *provenance.Summary) { s.Tag = "\x1b[2J" }, contradicted, `"\x1b[2J"`},
		"a value that would not stop": {func(s *provenance.Summary) { s.Tag = strings.Repeat("x", 9999) }, contradicted, `xxx", the`},
	} {
		s := summary(manifest)
		c.change(&s)
		v := provenance.Compare(&s, wanted(t))
		if v.Status != c.status || !strings.Contains(v.Detail, c.detail) || len(v.Detail) > 400 {
			t.Errorf("%s: %+v", name, v)
		}
	}
	if v := provenance.Compare(nil, wanted(t)); v.Status != unverified {
		t.Errorf("no summary: %+v", v)
	}
}

func TestADigestMayBeTheIndexOrTheManifest(t *testing.T) {
	t.Parallel()
	want := wanted(t)
	want.Index = index
	for _, d := range []artifact.Digest{manifest, index} {
		s := summary(d)
		if v := provenance.Compare(&s, want); v.Status != provenance.Verified {
			t.Errorf("%s: %+v", d, v)
		}
		s.DigestRef = summary(artifact.DigestOf(nil)).DigestRef
		if v := provenance.Compare(&s, want); v.Status != provenance.Contradicted {
			t.Errorf("%s, another digestRef: %+v", d, v)
		}
	}
	s := summary(artifact.Digest{})
	s.DigestRef = ""
	if v := provenance.Compare(&s, wanted(t)); v.Status != provenance.Unverified {
		t.Errorf("no index and no digest are not the same: %+v", v)
	}
}

func TestAPolicyDecidesAboutWhatIsUnverified(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status provenance.Status
		policy provenance.Policy
		ok     bool
		reason fault.Reason
	}{
		{provenance.Verified, provenance.Optional, true, ""},
		{provenance.Verified, provenance.Required, true, ""},
		{provenance.Unverified, provenance.Optional, true, ""},
		{provenance.Unverified, provenance.Required, false, fault.ProvenanceMissing},
		{provenance.Contradicted, provenance.Optional, false, fault.ProvenanceContradicted},
		{provenance.Contradicted, provenance.Required, false, fault.ProvenanceContradicted},
		{"", provenance.Required, false, fault.ProvenanceMissing},
		{provenance.Unverified, "surprise", false, fault.ProvenanceMissing},
	} {
		got := provenance.Verdict{Status: c.status, Detail: "why"}.Check(c.policy)
		if got.OK != c.ok || got.Reason != c.reason || got.OK == (got.Fix != "") || got.Detail != string(c.status)+": why" {
			t.Errorf("%s, %s: %+v", c.status, c.policy, got)
		}
	}
	for text, want := range map[string]provenance.Policy{"": provenance.Optional, "optional": provenance.Optional, "required": provenance.Required, "yes": ""} {
		if got, err := provenance.ParsePolicy(text); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

func TestAVerdictSaysWhatToDoAboutIt(t *testing.T) {
	t.Parallel()
	v := provenance.Verdict{Status: provenance.Unverified, Detail: "why", Fix: "ask", Retry: true}
	if c := v.Check(provenance.Required); c.OK || c.Fix != "ask" || !c.Retry {
		t.Errorf("required: %+v", c)
	}
	if c := v.Check(provenance.Optional); !c.OK || c.Fix != "" || c.Retry {
		t.Errorf("optional: %+v", c)
	}
	v = provenance.Verdict{Status: provenance.Unverified, Detail: "why"}
	if c := v.Check(provenance.Required); !strings.Contains(c.Fix, "publish the commit's summary") || c.Retry {
		t.Errorf("nothing of its own: %+v", c)
	}
}

func TestTheWorseOfTwoVerdictsIsTheVerdict(t *testing.T) {
	t.Parallel()
	verified, unverified := provenance.Verdict{Status: provenance.Verified, Detail: "v"}, provenance.Verdict{Status: provenance.Unverified, Detail: "u"}
	contradicted := provenance.Verdict{Status: provenance.Contradicted, Detail: "c"}
	silent := provenance.Verdict{Status: provenance.Unverified, Detail: "s", Fix: "ask", Retry: true}
	for _, c := range []struct {
		a, b provenance.Verdict
		want provenance.Verdict
	}{
		{verified, verified, provenance.Verdict{Status: provenance.Verified, Detail: "v; v"}},
		{verified, unverified, provenance.Verdict{Status: provenance.Unverified, Detail: "u; v"}},
		{unverified, verified, provenance.Verdict{Status: provenance.Unverified, Detail: "u; v"}},
		{contradicted, unverified, provenance.Verdict{Status: provenance.Contradicted, Detail: "c; u"}},
		{verified, contradicted, provenance.Verdict{Status: provenance.Contradicted, Detail: "c; v"}},
		{verified, silent, provenance.Verdict{Status: provenance.Unverified, Detail: "s; v", Fix: "ask", Retry: true}},
		{unverified, silent, provenance.Verdict{Status: provenance.Unverified, Detail: "u; s"}}, // an answer would not be enough
		{contradicted, silent, provenance.Verdict{Status: provenance.Contradicted, Detail: "c; s"}},
	} {
		if got := c.a.And(c.b); got != c.want {
			t.Errorf("%s and %s: %+v", c.a.Status, c.b.Status, got)
		}
	}
}

func TestLookReadsTheFileOfTheCommit(t *testing.T) {
	t.Parallel()
	whole, err := json.Marshal(summary(manifest))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		content string
		status  provenance.Status
		detail  string
	}{
		"whole":              {string(whole), provenance.Verified, ""},
		"with more keys":     {`{"builtAt":1,"nested":{"digest":"x"},` + string(whole[1:]), provenance.Verified, ""},
		"not JSON":           {"<html>", provenance.Unverified, "cannot be read"},
		"cut short":          {string(whole[:99]), provenance.Unverified, "cannot be read"},
		"two":                {string(whole) + string(whole), provenance.Unverified, "cannot be read"},
		"a number as digest": {`{"digest":7}`, provenance.Unverified, "cannot be read"},
		"null":               {"null", provenance.Unverified, "lacks"},
		"endless":            {string(whole) + strings.Repeat(" ", 64<<10), provenance.Unverified, "64 KiB"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "code-queue-mgr-"+ones+".json"), []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if v := provenance.Look(dir, wanted(t)); v.Status != c.status || !strings.Contains(v.Detail, c.detail) {
			t.Errorf("%s: %+v", name, v)
		}
	}
	pipe := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(pipe, "code-queue-mgr-"+ones+".json"), 0o600); err != nil {
		t.Fatal(err)
	}
	if v := provenance.Look(pipe, wanted(t)); v.Status != provenance.Unverified || !strings.Contains(v.Detail, "cannot be read") {
		t.Errorf("a named pipe: %+v", v)
	}
	if v := provenance.Look(t.TempDir(), wanted(t)); v.Status != provenance.Unverified || !strings.Contains(v.Detail, "published no summary") {
		t.Errorf("no file: %+v", v)
	}
	if v := provenance.Look("", wanted(t)); v.Status != provenance.Unverified || !strings.Contains(v.Detail, "configured") {
		t.Errorf("no folder: %+v", v)
	}
}

func TestASurveyCountsWhatCouldBeReadAndNamesTheRest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	good := "code-queue-mgr-" + ones + ".json"
	for name, content := range map[string]string{
		good:                                    "{}",
		"code-queue-mgr-" + twos + ".json":      "<html>",
		"code-queue-mgr-" + ones[:12] + ".json": "{}",
		"README.json":                           "{}",
		"." + good:                              "half of",
		good + ".tmp":                           "half of",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n, bad, err := provenance.Survey(dir)
	if n != 1 || err != nil || len(bad) != 3 {
		t.Fatalf("%d good, %q, %v", n, bad, err)
	}
	for i, want := range []string{"README.json: its name is not", "code-queue-mgr-111111111111.json: its name is not", "code-queue-mgr-" + twos + ".json: invalid character"} {
		if !strings.HasPrefix(bad[i], want) {
			t.Errorf("%q, want %q", bad[i], want)
		}
	}
	if _, _, err := provenance.Survey(filepath.Join(dir, "none")); err == nil {
		t.Error("a folder that is not there is read")
	}
}
