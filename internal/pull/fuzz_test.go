package pull

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// judged fails unless an error has a reason of the list, and nothing in it acts on a
// terminal.
func judged(t *testing.T, err error, reasons ...fault.Reason) {
	t.Helper()
	if !slices.Contains(reasons, fault.ReasonOf(err)) {
		t.Errorf("%s is none of %v: %v", fault.ReasonOf(err), reasons, err)
	}
	if strings.ContainsFunc(err.Error()+fault.HintOf(err), unicode.IsControl) {
		t.Errorf("control characters in %q", err)
	}
}

// stored is the registry of a single image: what it serves under the tag, the member of an
// index, and the config.
type stored struct {
	mediaType           string
	top, member, config []byte
}

func (s stored) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	switch _, ref, _ := strings.Cut(r.URL.Path, repo().String()+"/"); ref {
	case "manifests/" + commitID:
		w.Header().Set("Content-Type", s.mediaType)
		_, _ = w.Write(s.top)
	case "manifests/" + artifact.DigestOf(s.member).String():
		w.Header().Set("Content-Type", string(types.OCIManifestSchema1))
		_, _ = w.Write(s.member)
	case "blobs/" + artifact.DigestOf(s.config).String():
		_, _ = w.Write(s.config)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// FuzzAManifestResolvesToItsDigests: whatever lies under the tag, in the index and in the
// config, an image that comes out is what the hashes lead to, and runs on the
// platform.
func FuzzAManifestResolvesToItsDigests(f *testing.F) {
	const (
		oci    = string(types.OCIManifestSchema1)
		list   = string(types.OCIImageIndex)
		layer  = `{"digest":"sha256:` + "0000000000000000000000000000000000000000000000000000000000000000" + `","size":7}`
		config = `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["sha256:` + "1111111111111111111111111111111111111111111111111111111111111111" + `"]}}`
		image  = `{"schemaVersion":2,"config":{"digest":"CONFIG","size":CBYTES},"layers":[` + layer + `]}`
		index  = `{"schemaVersion":2,"manifests":[{"digest":"MEMBER","size":MBYTES,"platform":{"os":"linux","architecture":"amd64"}}]}`
	)
	f.Add(oci, image, "", config)
	f.Add(list, index, image, config)
	f.Add(list, image, image, config)
	f.Add(oci, index, image, config)
	f.Add("application/json", image, "", config)
	f.Add(oci, strings.Replace(image, "CBYTES", "1", 1), "", config)
	f.Add(oci, strings.Replace(image, layer, layer+","+layer, 1), "", config)
	f.Add(oci, image, "", strings.Replace(config, "amd64", "arm64", 1))
	f.Add(list, strings.Replace(index, "MBYTES", "1", 1), image, config)
	f.Add(list, index, index, config)
	f.Add(oci, `{"config":{"digest":"CONFIG","size":-1}}`, "", "{}")
	f.Add(oci, "null", "", "")
	handler := http.NewServeMux()
	var now stored
	handler.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { now.ServeHTTP(w, r) })
	server := httptest.NewServer(handler)
	f.Cleanup(server.Close)
	reader := must(New(Config{URL: server.URL, Backoff: time.Millisecond}))
	f.Cleanup(func() { _ = reader.Close() })
	f.Fuzz(func(t *testing.T, mediaType, top, member, config string) {
		if strings.ContainsFunc(mediaType, func(r rune) bool { return r < ' ' || r > '~' }) || strings.TrimSpace(mediaType) == "" {
			t.Skip("no header has it")
		}
		fill := func(text, digest, bytes string, of []byte) []byte {
			return []byte(strings.NewReplacer(digest, artifact.DigestOf(of).String(), bytes, strconv.Itoa(len(of))).Replace(text))
		}
		now = stored{mediaType: strings.TrimSpace(mediaType), config: []byte(config)}
		now.member = fill(member, "CONFIG", "CBYTES", now.config)
		now.top = fill(string(fill(top, "CONFIG", "CBYTES", now.config)), "MEMBER", "MBYTES", now.member)
		img, err := reader.Resolve(t.Context(), repo(), commit(), amd64)
		if err != nil {
			judged(t, err, fault.ArtifactInvalid, fault.PlatformNotFound, fault.DigestMismatch)
			return
		}
		manifest := now.top
		if !img.Index.IsZero() {
			manifest = now.member
			if img.Index != artifact.DigestOf(now.top) || !bytes.Contains(now.top, []byte(img.Manifest.String())) {
				t.Errorf("index %s is not what lies under the tag, or does not name %s", img.Index, img.Manifest)
			}
		}
		if img.Manifest != artifact.DigestOf(manifest) || img.Config != artifact.DigestOf(now.config) || !bytes.Contains(manifest, []byte(img.Config.String())) {
			t.Errorf("manifest %s, config %s: the hashes lead elsewhere", img.Manifest, img.Config)
		}
		if !runs(amd64, img.Platform) || img.Commit != commit() || img.Repository != repo() {
			t.Errorf("%s:%s is for %s", img.Repository, img.Commit, img.Platform)
		}
		for _, l := range img.Layers {
			if l.Size < 0 || !bytes.Contains(manifest, []byte(l.Digest.String())) || !bytes.Contains(now.config, []byte(l.DiffID.String())) {
				t.Errorf("layer %+v is not in the manifest and the config", l)
			}
		}
	})
}

// FuzzNoAnswerIsAnImage: a registry that answers each question with the same bytes has no
// image, and the reader comes to an end.
func FuzzNoAnswerIsAnImage(f *testing.F) {
	const head = "HTTP/1.1 200 OK\r\nDocker-Distribution-Api-Version: registry/2.0\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\n"
	f.Add([]byte(head + "Content-Length: 2\r\n\r\n{}"))
	f.Add([]byte(head + "Content-Length: 99999999999\r\n\r\n{}"))
	f.Add([]byte(head + "Content-Length: -1\r\n\r\n"))
	f.Add([]byte(head + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}"))
	f.Add([]byte(head + "Content-Length: 18\r\n\r\n" + `{"tags":["a","b"]}`))
	f.Add([]byte("HTTP/1.1 302 Found\r\nLocation: http://198.51.100.7/\r\nContent-Length: 0\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 404 Not Found\r\nContent-Length: 40\r\n\r\n" + `{"errors":[{"code":"\u001b[2J","message":1}]}`))
	f.Add([]byte("HTTP/1.1 404 Not Found\r\nDocker-Distribution-Api-Version: registry/2.0\r\nContent-Length: 4\r\n\r\n\x1b[2J"))
	f.Add([]byte("HTTP/1.1 401 Unauthorized\r\nWww-Authenticate: Bearer realm=\"x\"\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 500 \x1b[2J\r\n\r\n"))
	f.Add([]byte("SSH-2.0-OpenSSH\r\n"))
	f.Add([]byte{})
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	answers := make(chan []byte, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			answer := <-answers
			answers <- answer
			_, _ = c.Read(make([]byte, 4096))
			_, _ = c.Write(answer)
			_ = c.(*net.TCPConn).CloseWrite()
			_ = c.SetReadDeadline(time.Now().Add(time.Second))
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		}
	}()
	f.Cleanup(func() { _ = l.Close(); <-done })
	f.Fuzz(func(t *testing.T, answer []byte) {
		reader := must(New(Config{URL: "http://" + l.Addr().String(), Idle: time.Second, Backoff: time.Nanosecond}))
		defer func() { _ = reader.Close() }()
		answers <- answer
		defer func() { <-answers }()
		reasons := []fault.Reason{fault.ArtifactInvalid, fault.ArtifactNotFound, fault.PlatformNotFound, fault.DigestMismatch, fault.RegistryUnavailable}
		if _, err := reader.Resolve(t.Context(), repo(), commit(), amd64); err == nil {
			t.Errorf("%q is an image", answer)
		} else {
			judged(t, err, reasons...)
		}
		if _, err := reader.List(t.Context(), repo(), 3, "", func(string, artifact.Digest, error) {}); err != nil {
			judged(t, err, reasons...)
		}
	})
}
