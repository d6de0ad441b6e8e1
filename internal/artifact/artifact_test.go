package artifact_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

func TestOnlyFullLowerCaseCommitsParse(t *testing.T) {
	t.Parallel()
	hex40 := strings.Repeat("0a", 20)
	for s, ok := range map[string]bool{
		hex40: true, strings.Repeat("0a", 32): true,
		"": false, "latest": false, "HEAD": false, "main": false, "v1.2.3": false, hex40[:12]: false, hex40[:39]: false,
		strings.ToUpper(hex40): false, hex40 + "a": false, "g" + hex40[1:]: false, hex40 + "\n": false, "--" + hex40[2:]: false,
	} {
		_, err := artifact.ParseCommit(s)
		if (err == nil) != ok {
			t.Errorf("ParseCommit(%q): %v", s, err)
		}
		if err != nil && fault.ReasonOf(err) != fault.CommitNotPinned {
			t.Errorf("ParseCommit(%q): reason %s", s, fault.ReasonOf(err))
		}
	}
}

func TestUpperCaseCommitGetsTheLowerCaseOneAsHint(t *testing.T) {
	t.Parallel()
	_, err := artifact.ParseCommit(strings.Repeat("AB", 20))
	if !strings.Contains(fault.HintOf(err), strings.Repeat("ab", 20)) {
		t.Errorf("hint %q", fault.HintOf(err))
	}
}

func TestNamesRefuseWhatCouldSteer(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "-x", "--flag", "../x", "a/../b", "A", "a b", "a\nb", "a;b", "$(a)", "a--b", "a-", strings.Repeat("a", 64)} {
		if _, err := artifact.ParseServiceID(s); err == nil {
			t.Errorf("service %q parses", s)
		}
	}
	for _, s := range []string{"", "/a", "a/", "a//b", "../a", "a/..", "A/b", "a:b", "a@b", "-a", strings.Repeat("a", 256)} {
		if _, err := artifact.ParseRepository(s); err == nil {
			t.Errorf("repository %q parses", s)
		}
	}
}

func parse(t *testing.T, manifest, config string) (artifact.Image, error) {
	t.Helper()
	return artifact.ParseImage(artifact.Raw{
		Manifest: artifact.DigestOf([]byte(manifest)), ManifestBytes: []byte(manifest), ConfigBytes: []byte(config),
	})
}

func TestParseImageBelievesOnlyDigests(t *testing.T) {
	t.Parallel()
	layer, diff := artifact.DigestOf([]byte("layer")), artifact.DigestOf([]byte("diff"))
	config := fmt.Sprintf(`{"os":"linux","architecture":"amd64","config":{"Labels":{"a":"b"}},"rootfs":{"diff_ids":[%q]}}`, diff)
	manifest := func(config, layers string) string {
		return fmt.Sprintf(`{"config":{"digest":%q},"layers":[%s]}`, artifact.DigestOf([]byte(config)), layers)
	}
	one := fmt.Sprintf(`{"digest":%q,"size":7}`, layer)

	img, err := parse(t, manifest(config, one), config)
	if err != nil {
		t.Fatal(err)
	}
	if img.Bytes != 7 || img.Labels["a"] != "b" || img.Layers[0].DiffID != diff || img.Platform.String() != "linux/amd64" {
		t.Errorf("%+v", img)
	}

	for name, c := range map[string]struct {
		manifest, config string
		reason           fault.Reason
	}{
		"another config":   {manifest("other", one), config, fault.DigestMismatch},
		"no layers":        {manifest(config, ""), config, fault.ArtifactInvalid},
		"more layers":      {manifest(config, one+","+one), config, fault.ArtifactInvalid},
		"a negative size":  {manifest(config, fmt.Sprintf(`{"digest":%q,"size":-1}`, layer)), config, fault.ArtifactInvalid},
		"a foreign digest": {manifest(config, `{"digest":"sha512:00","size":1}`), config, fault.ArtifactInvalid},
		"not JSON":         {"{", config, fault.ArtifactInvalid},
	} {
		if _, err := parse(t, c.manifest, c.config); fault.ReasonOf(err) != c.reason || err == nil {
			t.Errorf("%s: %v (%s), want %s", name, err, fault.ReasonOf(err), c.reason)
		}
	}

	_, err = artifact.ParseImage(artifact.Raw{Manifest: diff, ManifestBytes: []byte(manifest(config, one)), ConfigBytes: []byte(config)})
	if fault.ReasonOf(err) != fault.DigestMismatch {
		t.Errorf("a manifest under another digest: %v", err)
	}
}

// What a first deploy moves is known without the layers: a host judges its disk by it.
func TestAnImagesBytesAreTheSumOfItsLayers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sizes []int64
		want  int64 // 0 for none
	}{
		"one layer":              {[]int64{7}, 7},
		"several":                {[]int64{7, 30, 500}, 537},
		"the same layer twice":   {[]int64{7, 7}, 14},
		"more than 32 bits":      {[]int64{1 << 31, 1 << 31, 5}, 1<<32 + 5},
		"the most that there is": {[]int64{math.MaxInt64 - 1, 1}, math.MaxInt64},
		"more than there is":     {[]int64{math.MaxInt64, 1}, 0},
		"so much more that it would look like some": {[]int64{math.MaxInt64, math.MaxInt64, 9}, 0},
	} {
		var layers, diffs []string
		for _, size := range c.sizes {
			layers = append(layers, fmt.Sprintf(`{"digest":%q,"size":%d}`, artifact.DigestOf(fmt.Append(nil, size)), size))
			diffs = append(diffs, fmt.Sprintf("%q", artifact.DigestOf(fmt.Append(nil, "diff", size))))
		}
		config := fmt.Sprintf(`{"rootfs":{"diff_ids":[%s]}}`, strings.Join(diffs, ","))
		manifest := fmt.Sprintf(`{"config":{"digest":%q},"layers":[%s]}`, artifact.DigestOf([]byte(config)), strings.Join(layers, ","))
		img, err := parse(t, manifest, config)
		if c.want == 0 {
			if fault.ReasonOf(err) != fault.ArtifactInvalid || err == nil {
				t.Errorf("%s: %d bytes, %v", name, img.Bytes, err)
			}
			continue
		}
		if err != nil || img.Bytes != c.want {
			t.Errorf("%s: %d bytes (%v), want %d", name, img.Bytes, err, c.want)
		}
	}
}

func TestDigestsSurviveJSON(t *testing.T) {
	t.Parallel()
	type doc struct{ A, B artifact.Digest }
	in := doc{A: artifact.DigestOf(nil)}
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var out doc
	if err := json.Unmarshal(b, &out); err != nil || out != in {
		t.Errorf("%s -> %+v, %v", b, out, err)
	}
	if err := json.Unmarshal([]byte(`{"A":"sha256:xyz"}`), &out); err == nil {
		t.Error("a malformed digest parses")
	}
}
