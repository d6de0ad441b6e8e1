package store_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/delta/store"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// shelf is a registry in memory.
type shelf struct {
	repositories map[string]map[string]published
	blobs        map[artifact.Digest][]byte
	away         error // what it answers with, if not nil
	// asked and read are the commits and the blobs that were asked for, in order.
	asked []string
	read  []artifact.Digest
	// during is called when a blob is opened.
	during func()
}

// published is an image, or why there is none.
type published struct {
	built  time.Time
	layers []artifact.Layer
	err    error
}

func newShelf() *shelf {
	return &shelf{repositories: map[string]map[string]published{}, blobs: map[artifact.Digest][]byte{}}
}

// commit is a commit made of a letter.
func commit(letter string) artifact.Commit {
	c, err := artifact.ParseCommit(strings.Repeat(letter, 40))
	if err != nil {
		panic(err)
	}
	return c
}

// publish has an image of these layers, packed, under a commit.
func (s *shelf) publish(repo, letter string, built time.Time, pack func([]byte) []byte, all ...layer) {
	p := published{built: built}
	for _, l := range all {
		b := pack(l.b)
		d := artifact.DigestOf(b)
		s.blobs[d] = b
		p.layers = append(p.layers, artifact.Layer{Digest: d, DiffID: l.id, Size: int64(len(b))})
	}
	s.put(repo, letter, p)
}

func (s *shelf) put(repo, letter string, p published) {
	if s.repositories[repo] == nil {
		s.repositories[repo] = map[string]published{}
	}
	s.repositories[repo][commit(letter).String()] = p
}

func stored(b []byte) []byte { return b }

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}

func zstandard(b []byte) []byte {
	w, _ := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	defer func() { _ = w.Close() }()
	return w.EncodeAll(b, nil)
}

func (s *shelf) Repositories(context.Context) (all []artifact.Repository, err error) {
	for name := range s.repositories {
		r, err := artifact.ParseRepository(name)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, s.away
}

func (s *shelf) Commits(_ context.Context, repo artifact.Repository) (all []artifact.Commit, err error) {
	for name, p := range s.repositories[repo.String()] {
		c, err := artifact.ParseCommit(name)
		if err != nil {
			return nil, err
		}
		if all = append(all, c); p.err != nil && p.layers != nil {
			return nil, p.err // the list itself
		}
	}
	return all, s.away
}

func (s *shelf) Built(_ context.Context, repo artifact.Repository, c artifact.Commit, want artifact.Platform) (artifact.Image, time.Time, error) {
	if want != (artifact.Platform{OS: runtime.GOOS, Architecture: runtime.GOARCH}) {
		return artifact.Image{}, time.Time{}, errors.New("another platform")
	}
	p := s.repositories[repo.String()][c.String()]
	s.asked = append(s.asked, repo.String()+":"+c.String()[:1])
	return artifact.Image{Layers: p.layers}, p.built, errors.Join(p.err, s.away)
}

func (s *shelf) Blob(_ context.Context, _ artifact.Repository, d artifact.Digest, size int64) (io.ReadCloser, error) {
	s.read = append(s.read, d)
	if s.during != nil {
		s.during()
	}
	b, ok := s.blobs[d]
	if !ok || s.away != nil {
		return nil, cmpOr(s.away, fault.New(fault.ArtifactNotFound, "no blob"))
	}
	if int64(len(b)) != size {
		return nil, errors.New("another size")
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

func cmpOr(errs ...error) error {
	return errs[slices.IndexFunc(errs, func(err error) bool { return err != nil })]
}

// journal is what a keeper logs, a line each.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) count(of string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.text.String(), of)
}

// kept is a keeper whose time passes only when it waits, and its store.
type kept struct {
	*store.Keeper
	store *store.Store
	dir   string
	log   journal
	now   time.Time
}

func keep(t *testing.T, r store.Registry, quota int64, repositories ...string) *kept {
	t.Helper()
	dir := t.TempDir()
	k := &kept{store: store.New(dir, quota), dir: filepath.Join(dir, "1"), now: time.Unix(1e9, 0)}
	k.store.SetReserve(0)
	if len(repositories) == 0 {
		repositories = []string{"unidesk/"}
	}
	k.Keeper = store.NewKeeper(k.store, r, repositories, slog.New(slog.NewTextHandler(&k.log, nil)))
	k.SetTime(func() time.Time { return k.now }, func(ctx context.Context, d time.Duration) bool {
		k.now = k.now.Add(d)
		return ctx.Err() == nil
	})
	return k
}

// has are the names of layers that have a copy.
func (k *kept) has(all map[string]layer) string {
	var found []string
	for name, l := range all {
		if k.store.Has(l.id) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return strings.Join(found, " ")
}

// small makes layers of the names' own content.
func small(t *testing.T, names ...string) map[string]layer {
	t.Helper()
	all := map[string]layer{}
	for i, name := range names {
		all[name] = newLayer(t, uint64(i), 150_000, name)
	}
	return all
}

var day = time.Unix(1_700_000_000, 0)

func at(n int) time.Time { return day.Add(time.Duration(n) * time.Minute) }

func TestTheNewestReleasesAreCopied(t *testing.T) {
	t.Parallel()
	r := newShelf()
	l := small(t, "base", "a1", "a2", "a3", "a4", "b0", "b1", "other", "exact")
	r.publish("unidesk/a", "2", at(2), gzipped, l["base"], l["a2"])
	r.publish("unidesk/a", "1", at(1), gzipped, l["base"], l["a1"])
	r.publish("unidesk/a", "4", at(4), stored, l["base"], l["a4"])
	r.publish("unidesk/a", "3", at(3), zstandard, l["a3"])
	r.publish("unidesk/b", "1", at(9), stored, l["b1"])
	r.publish("unidesk/b", "0", at(0), stored, l["b0"])
	r.publish("elsewhere/c", "1", at(9), stored, l["other"])
	r.publish("exact", "1", at(8), stored, l["exact"])
	k := keep(t, r, 1<<30, "unidesk/", "exact", "elsewhere")
	k.Round(t.Context())
	if got := k.has(l); got != "a2 a3 a4 b0 b1 base exact" {
		t.Errorf("copies of %s\n%s", got, k.log.text.String())
	}
	var order []string
	for _, d := range r.read {
		for name, one := range l {
			if d == artifact.DigestOf(one.b) || d == artifact.DigestOf(gzipped(one.b)) || d == artifact.DigestOf(zstandard(one.b)) {
				order = append(order, name)
			}
		}
	}
	// The newest of each first.
	if got := strings.Join(order, " "); got != "b1 exact base a4 a3 b0 a2" {
		t.Errorf("in the order %s", got)
	}
	for name := range l {
		if k.store.Has(l[name].id) {
			if size, ok := k.store.Size(l[name].id); !ok || size != int64(len(l[name].b)) {
				t.Errorf("%s has %d bytes, %t", name, size, ok)
			}
		}
	}
	r.asked, r.read = nil, nil
	k.Round(t.Context())
	if len(r.asked)+len(r.read) > 0 {
		t.Errorf("asked again for %v and %v", r.asked, r.read)
	}
	// What is published next is copied; what was newest is not asked for.
	l["a5"] = newLayer(t, 77, 1000, "")
	r.publish("unidesk/a", "5", at(5), gzipped, l["a5"])
	k.Round(t.Context())
	if got := strings.Join(r.asked, " "); got != "unidesk/a:5" || !k.store.Has(l["a5"].id) || len(r.read) != 1 {
		t.Errorf("asked for %s, read %v", got, r.read)
	}
	// When newer ones are removed, older ones count again.
	r.asked = nil
	delete(r.repositories["unidesk/a"], commit("5").String())
	delete(r.repositories["unidesk/a"], commit("4").String())
	k.Round(t.Context())
	if got := strings.Join(r.asked, " "); !k.store.Has(l["a1"].id) || strings.Contains(got, ":3") {
		t.Errorf("asked for %s; copies of %s", got, k.has(l))
	}
}

func TestWithoutTimesWhatCameLaterIsNewer(t *testing.T) {
	t.Parallel()
	r := newShelf()
	l := small(t, "x1")
	for _, letter := range []string{"1", "2", "3"} {
		r.publish("unidesk/a", letter, time.Time{}, stored, newLayer(t, 50, 1000, letter))
	}
	k := keep(t, r, 1<<30)
	k.Round(t.Context())
	r.publish("unidesk/a", "f", time.Time{}, stored, l["x1"])
	r.read = nil
	k.Round(t.Context())
	if !k.store.Has(l["x1"].id) || len(r.read) != 1 {
		t.Errorf("copies of %s", k.has(l))
	}
}

func TestARegistryThatIsAwayIsLoggedOnce(t *testing.T) {
	t.Parallel()
	r := newShelf()
	l := small(t, "a")
	r.publish("unidesk/a", "1", day, stored, l["a"])
	k := keep(t, r, 1<<30)
	r.away = fault.Transient(fault.RegistryUnavailable, "registry does not answer")
	for range 5 {
		k.Round(t.Context())
	}
	if k.log.count("does not answer") != 1 || k.log.count("\n") != 1 {
		t.Errorf("%s", k.log.text.String())
	}
	r.away = nil
	k.Round(t.Context())
	if k.has(l) != "a" || k.log.count("can be read again") != 1 {
		t.Errorf("copies of %q\n%s", k.has(l), k.log.text.String())
	}
	k.Round(t.Context())
	r.away = fault.Transient(fault.RegistryUnavailable, "registry does not answer")
	k.Round(t.Context())
	if k.log.count("does not answer") != 2 || k.log.count("can be read again") != 1 {
		t.Errorf("another time:\n%s", k.log.text.String())
	}
}

func TestBrokenImagesAndRepositoriesHinderNoOther(t *testing.T) {
	t.Parallel()
	r := newShelf()
	l := small(t, "a", "b", "c")
	r.put("unidesk/a", "1", published{err: fault.New(fault.ArtifactInvalid, "no image")})
	r.publish("unidesk/a", "2", day, stored, l["a"])
	r.put("unidesk/broken", "1", published{err: fault.New(fault.RegistryUnavailable, "500"), layers: []artifact.Layer{}})
	r.publish("unidesk/b", "1", day, stored, l["b"], l["c"])
	// The blob of a layer is gone.
	delete(r.blobs, r.repositories["unidesk/b"][commit("1").String()].layers[0].Digest)
	k := keep(t, r, 1<<30)
	k.Round(t.Context())
	if k.has(l) != "a c" {
		t.Errorf("copies of %q\n%s", k.has(l), k.log.text.String())
	}
	r.asked, r.read = nil, nil
	k.Round(t.Context())
	if len(r.asked)+len(r.read) > 0 || k.log.count("is not copied") != 1 {
		t.Errorf("at once again: %v, %v\n%s", r.asked, r.read, k.log.text.String())
	}
	k.now = k.now.Add(2 * time.Hour)
	k.Round(t.Context())
	if len(r.asked) != 1 || len(r.read) != 1 {
		t.Errorf("after an hour: %v, %v", r.asked, r.read)
	}
	r.read = nil
	k.now = k.now.Add(90 * time.Minute)
	k.Round(t.Context())
	if len(r.read) != 0 {
		t.Error("it is tried every hour")
	}
}

func TestWhatCanHaveNoCopyIsReadOnce(t *testing.T) {
	t.Parallel()
	r := newShelf()
	text := []byte(strings.Repeat("no tar\n", 1000))
	bad := layer{artifact.DigestOf(text), text}
	r.publish("unidesk/a", "1", day, gzipped, bad)
	wide, _ := zstd.NewWriter(nil, zstd.WithWindowSize(64<<20), zstd.WithEncoderConcurrency(1))
	huge := newLayer(t, 1, 1<<20, "")
	r.publish("unidesk/a", "2", day, func(b []byte) []byte {
		var out bytes.Buffer
		wide.Reset(&out) // a stream, so that its window is not that of its size
		_, _ = wide.Write(b)
		_ = wide.Close()
		return out.Bytes()
	}, huge)
	k := keep(t, r, 1<<30)
	k.Round(t.Context())
	k.now = k.now.Add(1000 * time.Hour)
	first := len(r.read)
	k.Round(t.Context())
	blob := r.repositories["unidesk/a"][commit("1").String()].layers[0].Digest
	if n := len(r.read); first != 2 || slices.Contains(r.read[first:n], blob) || !k.store.Refused(blob) {
		t.Errorf("%d blobs read, then %v of %s\n%s", first, r.read[first:n], blob, k.log.text.String())
	}
	if k.store.Has(huge.id) {
		t.Error("a window of 64 MiB is held")
	}
	if got := files(t, k.dir); len(got) != 1 {
		t.Errorf("left are %v", got)
	}
}

func TestTheWorthierLayerDisplacesTheOther(t *testing.T) {
	t.Parallel()
	r := newShelf()
	// Copies have about half of it.
	l := map[string]layer{"older": newLayer(t, 1, 10<<20, ""), "old": newLayer(t, 2, 16<<20, ""), "new": newLayer(t, 3, 16<<20, "")}
	r.publish("unidesk/a", "1", at(1), stored, l["older"])
	r.publish("unidesk/a", "2", at(2), stored, l["old"])
	k := keep(t, r, 47<<19)
	k.Round(t.Context())
	if k.has(l) != "old older" {
		t.Fatalf("copies of %q\n%s", k.has(l), k.log.text.String())
	}
	r.publish("unidesk/a", "3", at(3), stored, l["new"])
	k.Round(t.Context())
	if k.has(l) != "new old" {
		t.Errorf("copies of %q\n%s", k.has(l), k.log.text.String())
	}
	// The least worthy stays away, and is not read in vain.
	r.read = nil
	for range 3 {
		k.now = k.now.Add(100 * time.Hour)
		k.Round(t.Context())
	}
	if k.has(l) != "new old" || len(r.read) > 0 || k.log.count("no room") != 1 {
		t.Errorf("copies of %q, read %v\n%s", k.has(l), r.read, k.log.text.String())
	}
}

func TestAKeeperStopsInTheMiddleOfALayer(t *testing.T) {
	t.Parallel()
	r := newShelf()
	l := newLayer(t, 1, 10<<20, "")
	r.publish("unidesk/a", "1", day, stored, l)
	k := keep(t, r, 1<<30)
	ctx, stop := context.WithCancel(t.Context())
	r.during = stop
	k.Run(ctx)
	if k.store.Has(l.id) || len(files(t, k.dir)) > 0 || k.log.count("\n") > 0 {
		t.Errorf("left are %v\n%s", files(t, k.dir), k.log.text.String())
	}
}

func TestADamagedCopyIsMadeAgain(t *testing.T) {
	t.Parallel()
	r := newShelf()
	l := small(t, "a", "b")
	r.publish("unidesk/a", "1", at(1), stored, l["a"])
	r.publish("unidesk/a", "2", at(2), stored, l["b"])
	k := keep(t, r, 1<<30)
	k.Round(t.Context())
	must(t, os.WriteFile(k.store.Path(l["b"].id), []byte("rot"), 0o600))
	if _, _, err := rebuild(t, k.store, l["b"].id, 0, l["a"]); !errors.Is(err, store.ErrAbsent) {
		t.Errorf("%v", err)
	}
	k.Round(t.Context())
	if got, _, err := rebuild(t, k.store, l["b"].id, 0, l["a"]); err != nil || !bytes.Equal(got, l["b"].b) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}
