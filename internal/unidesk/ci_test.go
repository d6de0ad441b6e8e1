package unidesk_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/unidesk"
)

func rootWith(t *testing.T, content string) string {
	t.Helper()
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, unidesk.CIFile), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return root
}

func said(entries []unidesk.Declared) string {
	var s []string
	for _, e := range entries {
		line := e.Service.String() + " " + e.Kind
		if e.CoverageOnly() {
			line += " of " + e.Upstream + " " + e.Digest.String()
		}
		s = append(s, line)
	}
	return strings.Join(s, "; ")
}

func TestEntriesAreReadInWhateverShapeTheyHave(t *testing.T) {
	t.Parallel()
	digest := artifact.DigestOf(nil).String()
	for name, c := range map[string]struct{ content, want string }{
		"a list":                        {`{"artifacts":[{"serviceId":"web","kind":"source-build"},{"serviceId":"api"}]}`, "web source-build; api "},
		"an object":                     {`{"services":{"web":{"type":"rust"},"api":{}}}`, "api ; web rust"},
		"both":                          {`{"services":[{"id":"web"}],"artifacts":{"api":{}}}`, "api ; web "},
		"an id of its own in an object": {`{"artifacts":{"x":{"serviceId":"web","name":"other"}}}`, "web "},
		"a name for people":             {`{"artifacts":{"web":{"name":"The Web"}}}`, "web "},
		"a name that might be an id":    {`{"artifacts":{"web":{"name":"the-web"}}}`, "web "},
		"only a name":                   {`{"artifacts":[{"name":"web"}]}`, "web "},
		"one service twice":             {`{"artifacts":[{"id":"web","kind":"a"},{"id":"web","kind":"b"}]}`, "web a; web b"},
		"an upstream image": {
			`{"artifacts":[{"id":"web","kind":"Upstream-Image","upstreamImage":"docker.io/library/web:1","upstreamDigest":"` + digest + `"}]}`,
			"web upstream-image of docker.io/library/web:1 " + digest,
		},
		"an upstream image in an object": {
			`{"artifacts":[{"id":"web","kind":"upstream-image","upstream":{"image":"web:1","digest":"` + digest + `"},"mirror":{"future":true}}]}`,
			"web upstream-image of web:1 " + digest,
		},
		"an upstream image with nothing of use": {`{"artifacts":[{"id":"web","kind":"upstream-image","upstream":7,"digest":"md5:1"}]}`, "web upstream-image of  "},
		"what is no entry":                      {`{"artifacts":[7,null,"web",[],{},{"id":"Not An Id"},{"id":{}},{"id":"web","kind":["x"]}]}`, "web "},
		"an object of anything":                 {`{"artifacts":{"a":1,"b":null,"web":{}}}`, "web "},
		"nothing":                               {`{"artifacts":[]}`, ""},
		"another type":                          {`{"artifacts":"none"}`, ""},
		"a kind that acts on a terminal":        {`{"artifacts":[{"id":"web","kind":"\u001b[2J","type":"x"}]}`, "web x"},
		"an upstream that acts on one":          {`{"artifacts":[{"id":"web","kind":"upstream-image","upstreamImage":"\u001b[2J"}]}`, "web upstream-image of  "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			entries, found, err := unidesk.CI(rootWith(t, c.content))
			if got := said(entries); got != c.want || !found || err != nil {
				t.Errorf("got %q, %t, %v; want %q", got, found, err, c.want)
			}
		})
	}
}

func TestAMissingFileIsNoFailure(t *testing.T) {
	t.Parallel()
	if entries, found, err := unidesk.CI(t.TempDir()); len(entries) > 0 || found || err != nil {
		t.Errorf("%v, %t, %v", entries, found, err)
	}
}

func TestAFileThatIsNoneIsRefusedWithoutAWordOfIt(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"no JSON":       `{"artifacts": [secret]}`,
		"a list at top": `["secret"]`,
		"no entries":    `{"secret":{}}`,
		"nothing":       ``,
	} {
		_, found, err := unidesk.CI(rootWith(t, content))
		if !found || fault.ReasonOf(err) != fault.ConfigInvalid || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %t, %v", name, found, err)
		}
	}
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, unidesk.CIFile), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, found, err := unidesk.CI(root); !found || fault.ReasonOf(err) != fault.ConfigInvalid {
		t.Errorf("a folder: %t, %v", found, err)
	}
}

func TestTheSampleIsRead(t *testing.T) {
	t.Parallel()
	entries, found, err := unidesk.CI("../../sample")
	if err != nil || !found || len(entries) < 6 {
		t.Errorf("%d entries, %t, %v", len(entries), found, err)
	}
}
