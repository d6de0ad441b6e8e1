//go:build integration

package lab_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"go.uber.org/goleak"

	"github.com/pikasTech/unidesk-artifact-cd/lab"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestLab proves the pieces that other tests stand on. They share a world, so they run
// in turn.
func TestLab(t *testing.T) {
	start := time.Now()
	w, err := lab.Start(t.Context(), lab.Options{
		Log: t.Logf, Installed: []string{"baidu-netdisk", "todo-note"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("started in %s", time.Since(start).Round(10*time.Millisecond))
	t.Cleanup(func() {
		start := time.Now()
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(w.Dir); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", w.Dir, err)
		}
		t.Logf("closed in %s", time.Since(start).Round(10*time.Millisecond))
	})
	for _, test := range []struct {
		promise string
		check   func(*testing.T, *lab.World)
	}{
		{"the installed version answers with the commit it was built from", testInstalled},
		{"the two engines share no image", testApart},
		{"a published image matches its summary and carries its labels", testPublished},
		{"an edit of the top layer leaves the layers below it as they were", testLayers},
		{"a large image can be pushed in any compression and still runs", testLayered},
		{"a label can be wrong or missing", testLabels},
		{"an index holds the image, two other platforms' and an attestation", testIndex},
		{"a broken version is a commit of its own", testBehaviours},
		{"a commit that was never pushed is not built", testUnpushed},
		{"a damaged blob keeps its size and loses its digest", testCorrupt},
		{"sshd takes the key and no other", testSSH},
		{"a forced command is all that its key can run", testForced},
		{"a host key that is not known is refused", testHostKey},
		{"the link counts, cuts and stalls", testLink},
		{"the controller reaches the agent, also with a key that may do nothing else", testProduct},
		{"an engine that is there is shared by prefix and left as it was", testShared},
		{"a lab that is killed is taken away by its guard", testGuard},
	} {
		t.Run(test.promise, func(t *testing.T) { test.check(t, w) })
	}
}

func testInstalled(t *testing.T, w *lab.World) {
	want := w.Installed["baidu-netdisk"].SourceCommit
	if got, err := w.Master.LiveCommit(t.Context(), "baidu-netdisk"); err != nil || got != want {
		t.Errorf("live commit is %q (%v), want %s", got, err, want)
	}
	status, body, err := w.Master.Health(t.Context(), "baidu-netdisk")
	if err != nil || status != http.StatusOK {
		t.Fatalf("health is %d: %v", status, err)
	}
	var answer struct{ Auth map[string]bool }
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"configured", "clientIdConfigured", "clientSecretConfigured", "tokenKeyConfigured", "loggedIn"} {
		if !answer.Auth[flag] {
			t.Errorf("auth.%s is not true in %s", flag, body)
		}
	}
	status, body, err = w.Master.WaitHealth(t.Context(), "todo-note")
	if err != nil || status != http.StatusOK || strings.Contains(string(body), "deploy") {
		t.Errorf("todo-note answers %d %s (%v), want 200 and no word of a deploy", status, body, err)
	}
}

func testApart(t *testing.T, w *lab.World) {
	v := publish(t, w, lab.Change{Message: "sample: not on the master"})
	if out, err := w.Engine.Docker(t.Context(), "images", "--quiet", v.ImageRef); err != nil || out != "" {
		t.Errorf("the master has %s already: %s%v", v.ImageRef, out, err)
	}
}

func testPublished(t *testing.T, w *lab.World) {
	v := w.Installed["todo-note"]
	ref, err := name.ParseReference(v.ImageRef)
	if err != nil {
		t.Fatal(err)
	}
	image, err := remote.Image(ref, remote.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	if digest, err := image.Digest(); err != nil || digest.String() != v.Digest {
		t.Errorf("digest is %s (%v), the summary has %s", digest, err, v.Digest)
	}
	want := map[string]string{
		"org.opencontainers.image.revision": v.SourceCommit,
		"org.opencontainers.image.source":   v.SourceRepo,
		"unidesk.service":                   "todo-note",
	}
	for label, value := range want {
		if got := labels(t, image)[label]; got != value {
			t.Errorf("label %s is %q, want %q", label, got, value)
		}
	}
	file, err := os.ReadFile(filepath.Join(w.CI.SummaryDir(), "todo-note-"+v.SourceCommit+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var written lab.Summary
	if err := json.Unmarshal(file, &written); err != nil || written != v {
		t.Errorf("the summary's file has %+v (%v), want %+v", written, err, v)
	}
	if v.SourceRepo == w.Installed["baidu-netdisk"].SourceRepo || v.SourceCommit == w.Installed["baidu-netdisk"].SourceCommit {
		t.Error("todo-note is not from a repository of its own")
	}
}

func testLayers(t *testing.T, w *lab.World) {
	stack := []lab.Layer{{Name: "base", Size: 3 << 20, Noise: 30, Seed: 1}, {Name: "top", Size: 1 << 20, Noise: 50, Seed: 2}}
	first := imageOf(t, w, publish(t, w, lab.Change{Layers: stack}))
	stack[1].Edit = "one small edit"
	second := imageOf(t, w, publish(t, w, lab.Change{Layers: stack}))
	a, b := layersOf(t, first), layersOf(t, second)
	// assets, base, top, service
	if len(a) != 4 || len(b) != 4 {
		t.Fatalf("%d and %d layers, want 4", len(a), len(b))
	}
	for i, same := range []bool{true, true, false, false} {
		if (a[i].String() == b[i].String()) != same {
			t.Errorf("layer %d: %s and then %s, want the same: %t", i, a[i], b[i], same)
		}
	}
	all, err := first.Layers()
	if err != nil {
		t.Fatal(err)
	}
	if size, err := all[1].Size(); err != nil || size < 800<<10 || size > 1200<<10 {
		t.Errorf("3 MiB with 30%% noise are %d bytes compressed (%v), want about a third", size, err)
	}
	commit(t, w, lab.Change{Layers: []lab.Layer{}})
}

func testLayered(t *testing.T, w *lab.World) {
	from := w.Installed["baidu-netdisk"]
	for _, how := range []lab.Compression{lab.Gzip, lab.None, lab.Zstd} {
		commit := fakeCommit(string(how))
		v, err := w.CI.PushLayered(t.Context(), from, commit, how, lab.Layer{Name: "big", Size: 20 << 20, Noise: 30, Seed: 3})
		if err != nil {
			t.Fatal(err)
		}
		if got := labels(t, imageOf(t, w, v))["org.opencontainers.image.revision"]; got != commit {
			t.Errorf("%s: revision is %s, want %s", how, got, commit)
		}
		if how == lab.Zstd {
			continue // not every engine unpacks it
		}
		if out, err := w.Builder.Docker(t.Context(), "pull", "--quiet", v.DigestRef); err != nil {
			t.Errorf("%s: %v: %s", how, err, out)
		}
	}
}

func testLabels(t *testing.T, w *lab.World) {
	commit := fakeCommit("labels")
	v, err := w.CI.PushLabelled(t.Context(), w.Installed["baidu-netdisk"], commit,
		map[string]string{"org.opencontainers.image.revision": strings.Repeat("a", 40), "unidesk.service": ""})
	if err != nil {
		t.Fatal(err)
	}
	got := labels(t, imageOf(t, w, v))
	if _, there := got["unidesk.service"]; there || got["org.opencontainers.image.revision"] != strings.Repeat("a", 40) {
		t.Errorf("labels are %v", got)
	}
}

func testIndex(t *testing.T, w *lab.World) {
	plain := publish(t, w, lab.Change{Message: "sample: to be indexed"})
	v, err := w.CI.PushIndex(t.Context(), plain)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(v.ImageRef)
	if err != nil {
		t.Fatal(err)
	}
	index, err := remote.Index(ref, remote.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var platforms []string
	found := false
	for _, m := range manifest.Manifests {
		platforms = append(platforms, m.Platform.String())
		found = found || m.Digest.String() == plain.Digest
	}
	if len(platforms) != 4 || !found || v.Digest == plain.Digest {
		t.Errorf("index %s of %s holds %v", v.Digest, plain.Digest, platforms)
	}
}

func testBehaviours(t *testing.T, w *lab.World) {
	defer commit(t, w, lab.Change{Behaviour: "ok"})
	for _, test := range []struct {
		behaviour string
		status    int
		body      string
	}{
		{"never-healthy", http.StatusServiceUnavailable, `"ok":false`},
		{"stale-commit", http.StatusOK, `"commit":"0000000000000000000000000000000000000000"`},
		{"not-json", http.StatusOK, "<html>"},
		{"logged-out", http.StatusOK, `"loggedIn":false`},
	} {
		v := publish(t, w, lab.Change{Behaviour: test.behaviour})
		if err := w.Master.Install(t.Context(), w.Builder, v); err != nil {
			t.Fatal(err)
		}
		status, body, err := w.Master.WaitHealth(t.Context(), "baidu-netdisk")
		if err != nil || status != test.status || !strings.Contains(string(body), test.body) {
			t.Errorf("%s: %d %s (%v), want %d with %s", test.behaviour, status, body, err, test.status, test.body)
		}
	}
	v := publish(t, w, lab.Change{Behaviour: "leaky"})
	if err := w.Master.Install(t.Context(), w.Builder, v); err != nil {
		t.Fatal(err)
	}
	var logs string
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		var err error
		if logs, err = w.Master.Logs(t.Context(), "baidu-netdisk"); err != nil || strings.Contains(logs, "sample-client-secret") {
			break
		}
	}
	if !strings.Contains(logs, "sample-client-secret") {
		t.Errorf("leaky keeps its secret: %s", logs)
	}
}

func testUnpushed(t *testing.T, w *lab.World) {
	_, err := w.CI.Publish(t.Context(), "baidu-netdisk", strings.Repeat("1", 40))
	if err == nil || !strings.Contains(err.Error(), "never pushed") {
		t.Errorf("got %v, want a refusal", err)
	}
}

func testCorrupt(t *testing.T, w *lab.World) {
	v := publish(t, w, lab.Change{Layers: []lab.Layer{{Name: "damaged", Size: 1 << 20, Noise: 100, Seed: 9}}})
	defer commit(t, w, lab.Change{Layers: []lab.Layer{}})
	layer := layersOf(t, imageOf(t, w, v))[1]
	if err := w.Registry.Corrupt(layer.String()); err != nil {
		t.Fatal(err)
	}
	res, err := http.Get(w.Registry.URL() + "/v2/unidesk/baidu-netdisk/blobs/" + layer.String())
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	h := sha256.New()
	if n, err := io.Copy(h, res.Body); err != nil || n != res.ContentLength {
		t.Errorf("%d of %d bytes: %v", n, res.ContentLength, err)
	}
	if hex.EncodeToString(h.Sum(nil)) == layer.Hex {
		t.Error("the blob still matches its digest")
	}
}

func testSSH(t *testing.T, w *lab.World) {
	if out, err := w.SSH.SSH(t.Context(), w.SSH.ClientConfig, "echo", "hello"); err != nil || out != "hello\n" {
		t.Errorf("got %q, %v", out, err)
	}
	stranger, err := w.SSH.AddKey(t.Context(), "stranger", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.SSH.Forget("stranger"); err != nil {
		t.Fatal(err)
	}
	if out, err := w.SSH.SSH(t.Context(), stranger, "echo", "hello"); err == nil || !strings.Contains(err.Error(), "Permission denied") {
		t.Errorf("got %q, %v; want a denial", out, err)
	}
}

func testForced(t *testing.T, w *lab.World) {
	forced, err := w.SSH.AddKey(t.Context(), "forced", "echo forced")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := w.SSH.SSH(t.Context(), forced, "cat", "/etc/passwd"); err != nil || out != "forced\n" {
		t.Errorf("got %q, %v", out, err)
	}
}

func testHostKey(t *testing.T, w *lab.World) {
	if err := w.SSH.SwapHostKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	if out, err := w.SSH.SSH(t.Context(), w.SSH.ClientConfig, "echo", "hello"); err == nil || !strings.Contains(err.Error(), "Host key verification failed") {
		t.Errorf("got %q, %v; want a refusal", out, err)
	}
	if err := w.SSH.TrustHostKey(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.SSH.SSH(t.Context(), w.SSH.ClientConfig, "true"); err != nil {
		t.Errorf("the new key is known now: %v", err)
	}
}

func testLink(t *testing.T, w *lab.World) {
	const size = 2 << 20
	_, before := w.SSH.Link.Bytes()
	if out, err := w.SSH.SSH(t.Context(), w.SSH.ClientConfig, "head", "-c", "2097152", "/dev/zero"); err != nil || len(out) != size {
		t.Fatalf("%d bytes, %v", len(out), err)
	}
	if _, after := w.SSH.Link.Bytes(); after-before < size || after-before > size+128<<10 {
		t.Errorf("counted %d bytes, want a little more than %d", after-before, size)
	}
	w.SSH.Link.CutAfter(size / 2)
	if out, err := w.SSH.SSH(t.Context(), w.SSH.ClientConfig, "head", "-c", "2097152", "/dev/zero"); err == nil || len(out) >= size {
		t.Errorf("%d bytes, %v; want a cut", len(out), err)
	}
	resume := w.SSH.Link.Stall()
	done := make(chan error, 1)
	go func() {
		_, err := w.SSH.SSH(t.Context(), w.SSH.ClientConfig, "true")
		done <- err
	}()
	select {
	case err := <-done:
		t.Errorf("ssh came through a link that stands still: %v", err)
	case <-time.After(500 * time.Millisecond):
	}
	resume()
	if err := <-done; err != nil {
		t.Errorf("ssh after the stall: %v", err)
	}
}

func testProduct(t *testing.T, w *lab.World) {
	plan := func() {
		t.Helper()
		out, err := w.Controller.Run(t.Context(), "artifact-registry", "deploy-service", "-o", "json",
			"--service", "baidu-netdisk", "--commit", w.Installed["baidu-netdisk"].SourceCommit)
		var result struct{ Decision string }
		if err := json.Unmarshal([]byte(out), &result); err != nil || result.Decision != "ready" {
			t.Errorf("the plan prints %s (%v)", out, err)
		}
		if err != nil {
			t.Error(err)
		}
	}
	plan()
	forced, err := w.SSH.AddKey(t.Context(), "agent", strings.Join(w.Agent.Stdio(), " "))
	if err != nil {
		t.Fatal(err)
	}
	settings := w.Settings(lab.Options{})
	settings.SSHConfig, settings.Command = forced, []string{"anything"}
	if err := w.Configure(settings); err != nil {
		t.Fatal(err)
	}
	plan()
}

func publish(t *testing.T, w *lab.World, change lab.Change) lab.Summary {
	t.Helper()
	v, err := w.CI.Release(t.Context(), "baidu-netdisk", change)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// commit makes a commit that is not published.
func commit(t *testing.T, w *lab.World, change lab.Change) {
	t.Helper()
	if _, err := w.CI.Commit(t.Context(), "baidu-netdisk", change); err != nil {
		t.Fatal(err)
	}
}

func imageOf(t *testing.T, w *lab.World, v lab.Summary) v1.Image {
	t.Helper()
	image, err := w.CI.Image(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func layersOf(t *testing.T, image v1.Image) (digests []v1.Hash) {
	t.Helper()
	manifest, err := image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range manifest.Layers {
		digests = append(digests, l.Digest)
	}
	return digests
}

func labels(t *testing.T, image v1.Image) map[string]string {
	t.Helper()
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	return config.Config.Labels
}

// fakeCommit is the id of a commit that exists nowhere.
func fakeCommit(seed string) string {
	h := sha256.Sum256([]byte(seed))
	return hex.EncodeToString(h[:])[:40]
}
