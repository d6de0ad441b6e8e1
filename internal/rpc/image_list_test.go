package rpc

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// shelf is a repository of tags, three to a page.
type shelf struct {
	*fakeImages
	tags    []string
	details func(ctx context.Context, d artifact.Digest, want artifact.Platform) (int64, time.Time, error)
}

func digestOfTag(tag string) artifact.Digest { return artifact.DigestOf([]byte(tag)) }

func (s *shelf) List(_ context.Context, _ artifact.Repository, _ int, token string, each func(string, artifact.Digest, error)) (string, error) {
	n := 0
	for _, tag := range s.tags {
		if tag <= token {
			continue
		}
		each(tag, digestOfTag(tag), nil)
		if n++; n == 3 {
			return tag, nil
		}
	}
	return "", nil
}

func (s *shelf) Details(ctx context.Context, _ artifact.Repository, d artifact.Digest, want artifact.Platform) (int64, time.Time, error) {
	return s.details(ctx, d, want)
}

// broken lists a tag that the registry cannot resolve.
type broken struct{ *shelf }

func (b broken) List(ctx context.Context, repo artifact.Repository, size int, token string, each func(string, artifact.Digest, error)) (string, error) {
	return b.shelf.List(ctx, repo, size, token, func(tag string, d artifact.Digest, _ error) {
		if tag == "b" {
			each(tag, artifact.Digest{}, fault.New(fault.RegistryUnavailable, "link\x1b is damaged"))
			return
		}
		each(tag, d, nil)
	})
}

func TestABrokenTagCrossesWithItsReason(t *testing.T) {
	t.Parallel()
	s := &shelf{tags: []string{"a", "b", "c"}, details: func(context.Context, artifact.Digest, artifact.Platform) (int64, time.Time, error) {
		return 5, time.Time{}, nil
	}}
	got, err := serveImages(t, broken{s}).dial(t, Options{}).Tags(t.Context(), repo())
	if err != nil || len(got) != 3 {
		t.Fatal(got, err)
	}
	for _, tag := range got {
		if is := tag.Name == "b"; (tag.Trouble != "") != is || tag.Digest.IsZero() != is || (tag.Size == 0) != is || strings.Contains(tag.Trouble, "\x1b") {
			t.Errorf("%+v", tag)
		}
	}
}

func TestAllTagsComeWithTheirDetails(t *testing.T) {
	t.Parallel()
	s := &shelf{tags: []string{"a", "b", "c", "d", "e", "f", "g"}}
	built := time.Unix(1_700_000_000, 5).UTC()
	s.details = func(_ context.Context, d artifact.Digest, want artifact.Platform) (int64, time.Time, error) {
		if want != (artifact.Platform{OS: runtime.GOOS, Architecture: runtime.GOARCH}) {
			t.Errorf("details for %s", want)
		}
		switch d {
		case digestOfTag("b"):
			return 9, built, fault.New(fault.DigestMismatch, "damaged")
		case digestOfTag("c"):
			return 3, time.Time{}, nil
		case digestOfTag("d"): // before the contract's first year
			return 4, time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), nil
		}
		return 1, built, nil
	}
	c := serveImages(t, s).dial(t, Options{})
	got, err := c.Tags(t.Context(), repo())
	want := []Tag{{Name: "a", Size: 1, Created: built}, {Name: "b"}, {Name: "c", Size: 3}, {Name: "d", Size: 4}}
	for _, tag := range []string{"e", "f", "g"} {
		want = append(want, Tag{Name: tag, Size: 1, Created: built})
	}
	for i := range want {
		want[i].Digest = digestOfTag(want[i].Name)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(artifact.Digest{})); diff != "" || err != nil {
		t.Error(err, diff)
	}
	wire, err := newImageServer(s, nil).List(t.Context(), &artifactv1.ListRequest{Repository: repo().String(), Details: true})
	if err != nil || wire.GetTags()[2].GetCreated() != nil {
		t.Errorf("an age that is not known is sent: %v, %v", wire, err)
	}
	page, next, err := c.List(t.Context(), repo(), 3, "")
	if err != nil || next != "c" || len(page) != 3 || page[0] != (Tag{Name: "a", Digest: digestOfTag("a")}) {
		t.Errorf("a page without details: %v, %q, %v", page, next, err)
	}
}

func TestFewDetailsAreReadAtOnce(t *testing.T) {
	t.Parallel()
	var now, most atomic.Int64
	met := make(chan struct{})
	meet := sync.OnceFunc(func() { close(met) })
	s := &shelf{}
	for i := range 50 {
		s.tags = append(s.tags, fmt.Sprintf("%02d", i))
	}
	s.details = func(context.Context, artifact.Digest, artifact.Platform) (int64, time.Time, error) {
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		if n == maxDetails {
			meet()
		}
		<-met // only if so many are read at once do they meet
		time.Sleep(5 * time.Millisecond)
		return 1, time.Time{}, nil
	}
	server := newImageServer(wide{s}, nil)
	errs := make(chan error, 3)
	for range cap(errs) {
		go func() {
			_, err := server.List(t.Context(), &artifactv1.ListRequest{Repository: repo().String(), Details: true})
			errs <- err
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if n := most.Load(); n != maxDetails {
		t.Errorf("%d at once, want %d", n, maxDetails)
	}
}

// wide is a shelf in a single page.
type wide struct{ *shelf }

func (w wide) List(_ context.Context, _ artifact.Repository, _ int, _ string, each func(string, artifact.Digest, error)) (string, error) {
	for _, tag := range w.tags {
		each(tag, digestOfTag(tag), nil)
	}
	return "", nil
}

func TestACallerThatGivesUpGetsNoListWithoutDetails(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := &shelf{tags: []string{"a", "b"}}
	s.details = func(ctx context.Context, _ artifact.Digest, _ artifact.Platform) (int64, time.Time, error) {
		cancel()
		<-ctx.Done()
		return 0, time.Time{}, fault.New(fault.RegistryUnavailable, "cut")
	}
	if _, err := newImageServer(s, nil).List(ctx, &artifactv1.ListRequest{Repository: repo().String(), Details: true}); err == nil {
		t.Error("half a list passed for a whole one")
	}
}

// tagLiar lists tags that an honest agent would not list.
type tagLiar struct {
	artifactv1.UnimplementedImageServiceServer
	answer *artifactv1.ListResponse
}

func (l *tagLiar) List(context.Context, *artifactv1.ListRequest) (*artifactv1.ListResponse, error) {
	return l.answer, nil
}

func TestTagsThatCannotBeAreNotBelieved(t *testing.T) {
	t.Parallel()
	d := digestOfTag("a").String()
	for name, m := range map[string]*artifactv1.ListResponse{
		"a name that acts on a terminal": {Tags: []*artifactv1.Tag{{Name: "a\x1b[2J", Digest: d}}},
		"no name":                        {Tags: []*artifactv1.Tag{{Digest: d}}},
		"a name that is too long":        {Tags: []*artifactv1.Tag{{Name: strings.Repeat("a", 129), Digest: d}}},
		"more bytes than there are":      {Tags: []*artifactv1.Tag{{Name: "a", Digest: d, SizeBytes: math.MaxUint64}}},
		"a date of no calendar":          {Tags: []*artifactv1.Tag{{Name: "a", Digest: d, Created: &timestamppb.Timestamp{Nanos: -1}}}},
		"the same page without an end":   {NextPageToken: "a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := serve(t, func(s *grpc.Server) { artifactv1.RegisterImageServiceServer(s, &tagLiar{answer: m}) }).dial(t, Options{})
			_, err := c.Tags(t.Context(), repo())
			wantReason(t, err, fault.Internal, false)
		})
	}
}

// endless has another page after each page.
type endless struct {
	artifactv1.UnimplementedImageServiceServer
	pages atomic.Int64
}

func (e *endless) List(context.Context, *artifactv1.ListRequest) (*artifactv1.ListResponse, error) {
	m := &artifactv1.ListResponse{NextPageToken: fmt.Sprintf("%020d", e.pages.Add(1))}
	for range 1000 {
		m.Tags = append(m.Tags, &artifactv1.Tag{Name: "a", Digest: digestOfTag("a").String()})
	}
	return m, nil
}

func TestPagesWithoutEndAreGivenUp(t *testing.T) {
	t.Parallel()
	e := &endless{}
	c := serve(t, func(s *grpc.Server) { artifactv1.RegisterImageServiceServer(s, e) }).dial(t, Options{})
	_, err := c.Tags(t.Context(), repo())
	wantReason(t, err, fault.Internal, false)
	if n := e.pages.Load(); n > maxTags/1000+1 {
		t.Errorf("%d pages were asked for", n)
	}
}
