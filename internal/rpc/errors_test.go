package rpc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

func TestEveryReasonOfTheContractCrosses(t *testing.T) {
	t.Parallel()
	until := time.Date(2026, 11, 29, 8, 0, 0, 0, time.UTC)
	for value, name := range artifactv1.Reason_name {
		reason := fault.Reason(strings.TrimPrefix(name, reasonPrefix))
		if value == 0 {
			continue
		}
		for _, retry := range []bool{false, true} {
			sent := fmt.Errorf("resolve x: %w", (&fault.Error{Reason: reason, Retry: retry, Err: errors.New("cause")}).WithHint("do %s", "this").WithAction(fault.Recover).HeldBy("somebody", until))
			err := Status(sent)
			if code := status.Code(err); code != codeOf(artifactv1.Reason(value)) || code == codes.OK || code == codes.Unknown {
				t.Errorf("%s has code %s", reason, code)
			}
			got := fromStatus("", err)
			if got.Reason != reason || got.Retry != retry || got.Hint != "do this" || got.Action != fault.Recover || got.By != "somebody" || !got.Until.Equal(until) || got.Error() != "resolve x: cause" {
				t.Errorf("%s, retry %t arrived as %+v", reason, retry, got)
			}
		}
	}
}

// The proto's comments are the contract; the table must agree with them.
func TestTheTableIsTheContracts(t *testing.T) {
	t.Parallel()
	values := artifactv1.File_unidesk_artifact_v1_reason_proto.Enums().ByName("Reason").Values()
	for i := range values.Len() {
		v := values.Get(i)
		if v.Number() == 0 {
			continue
		}
		code, r := codeOf(artifactv1.Reason(v.Number())), v.Name()
		if code == codes.Internal && r != "REASON_INTERNAL" && r != "REASON_ENGINE_FAILED" && r != "REASON_REVERT_FAILED" {
			t.Errorf("%s has fallen through the table to %s", r, code)
		}
		// A controller that does not know the reason must not be misled about a retry.
		if _, retry := fallback(code); retry && code != codes.Unavailable {
			t.Errorf("%s: fallback of %s asks for a retry", r, code)
		}
	}
}

func TestAReasonOfTheControllersIsInternalOnTheWire(t *testing.T) {
	t.Parallel()
	details := status.Convert(Status(fault.New(fault.NotProven, "x"))).Details()
	if info, ok := details[0].(*errdetails.ErrorInfo); !ok || info.GetReason() != string(fault.Internal) {
		t.Errorf("sent as %v", details)
	}
}

func TestAnUnknownReasonFallsBackToItsCode(t *testing.T) {
	t.Parallel()
	for code, want := range map[codes.Code]fault.Reason{
		codes.NotFound: fault.ArtifactNotFound, codes.FailedPrecondition: fault.WorkloadUnfit, codes.Aborted: fault.Stale,
		codes.DataLoss: fault.DigestMismatch, codes.ResourceExhausted: fault.Busy, codes.PermissionDenied: fault.RoleMissing,
		codes.Unimplemented: fault.CapabilityMissing, codes.Internal: fault.Internal, codes.Unknown: fault.Internal, codes.Code(77): fault.Internal,
	} {
		st, err := status.New(code, "words").WithDetails(
			&errdetails.ErrorInfo{Reason: "OF_A_LATER_AGENT", Domain: domain, Metadata: map[string]string{hintKey: "update", actionKey: "OF_A_LATER_AGENT"}})
		if err != nil {
			t.Fatal(err)
		}
		if got := fromStatus("", st.Err()); got.Reason != want || got.Hint != "update" || got.Action != "" || got.Retry {
			t.Errorf("%s became %+v", code, got)
		}
	}
}

func TestAnotherDomainsReasonIsNotOurs(t *testing.T) {
	t.Parallel()
	st, err := status.New(codes.Unavailable, "x").WithDetails(&errdetails.ErrorInfo{Reason: "INTERNAL", Domain: "example.com"})
	if err != nil {
		t.Fatal(err)
	}
	if got := fromStatus("", st.Err()); got.Reason != fault.HostUnreachable || !got.Retry {
		t.Errorf("became %+v", got)
	}
}

func TestUnknownDetailsAreKept(t *testing.T) {
	t.Parallel()
	p := status.Convert(Status(fault.New(fault.Stale, "x"))).Proto()
	p.Details = append(p.Details, &anypb.Any{TypeUrl: "type.googleapis.com/of.Tomorrow", Value: []byte{1, 2}})
	f := fromStatus("", status.FromProto(p).Err())
	// Handed on to a third party, it is the same status.
	again := status.Convert(Status(errors.Unwrap(f))).Proto()
	if n := len(again.GetDetails()); n != 2 || again.GetDetails()[1].GetTypeUrl() != "type.googleapis.com/of.Tomorrow" {
		t.Errorf("%d details: %v", n, again.GetDetails())
	}
}

func TestWhatIsNoFaultStillHasACode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		code codes.Code
		want fault.Reason
	}{
		{errors.New("surprise"), codes.Internal, fault.Internal},
		{fmt.Errorf("x: %w", context.Canceled), codes.Canceled, fault.Interrupted},
		{fmt.Errorf("x: %w", context.DeadlineExceeded), codes.DeadlineExceeded, fault.Stalled},
		{status.Error(codes.Unimplemented, "unknown service"), codes.Unimplemented, fault.CapabilityMissing},
	} {
		err := Status(c.err)
		if status.Code(err) != c.code || fromStatus("", err).Reason != c.want {
			t.Errorf("%v became %v", c.err, err)
		}
	}
	if Status(nil) != nil {
		t.Error("success became a failure")
	}
}

func TestWordsFitTheWire(t *testing.T) {
	t.Parallel()
	st := status.Convert(Status(fault.New(fault.Internal, "%s\xff", strings.Repeat("é", 100_000))))
	if n := len(st.Message()); n > 8<<10 || n == 0 {
		t.Errorf("%d bytes", n)
	}
	if _, ok := st.Details()[0].(*errdetails.ErrorInfo); !ok {
		t.Error("without its reason")
	}
}
