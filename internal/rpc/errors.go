package rpc

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// domain is google.rpc.ErrorInfo.domain of this project's reasons.
const domain = "artifact.unidesk"

// The ErrorInfo metadata keys that parts of a fault travel under.
const (
	hintKey   = "hint"
	actionKey = "action"
	byKey     = "by"
	untilKey  = "until"
)

// retryAfter is google.rpc.RetryInfo's delay: the presence of the detail means that a
// retry may help.
const retryAfter = time.Second

// codeOf is the table of proto/unidesk/artifact/v1/reason.proto.
func codeOf(r artifactv1.Reason) codes.Code {
	switch r {
	case artifactv1.Reason_REASON_COMMIT_NOT_PINNED, artifactv1.Reason_REASON_INVALID_REQUEST:
		return codes.InvalidArgument
	case artifactv1.Reason_REASON_ARTIFACT_NOT_FOUND, artifactv1.Reason_REASON_WORKLOAD_NOT_FOUND, artifactv1.Reason_REASON_CHANGE_NOT_FOUND:
		return codes.NotFound
	case artifactv1.Reason_REASON_PLATFORM_NOT_FOUND, artifactv1.Reason_REASON_ARTIFACT_INVALID, artifactv1.Reason_REASON_WORKLOAD_UNFIT,
		artifactv1.Reason_REASON_COMPOSE_FAILED, artifactv1.Reason_REASON_ROLLOUT_FAILED, artifactv1.Reason_REASON_LABEL_MISMATCH,
		artifactv1.Reason_REASON_PATH_REFUSED, artifactv1.Reason_REASON_PORT_IN_USE, artifactv1.Reason_REASON_RENDER_MISMATCH,
		artifactv1.Reason_REASON_IMAGE_UNAVAILABLE, artifactv1.Reason_REASON_UNIT_FAILED, artifactv1.Reason_REASON_ENV_FILE_INVALID:
		return codes.FailedPrecondition
	case artifactv1.Reason_REASON_DIGEST_MISMATCH:
		return codes.DataLoss
	case artifactv1.Reason_REASON_REGISTRY_UNAVAILABLE, artifactv1.Reason_REASON_ENGINE_UNAVAILABLE, artifactv1.Reason_REASON_KUBERNETES_UNAVAILABLE:
		return codes.Unavailable
	case artifactv1.Reason_REASON_ROLE_MISSING:
		return codes.PermissionDenied
	case artifactv1.Reason_REASON_STALE, artifactv1.Reason_REASON_CHANGE_PENDING:
		return codes.Aborted
	case artifactv1.Reason_REASON_DISK_FULL, artifactv1.Reason_REASON_BUSY:
		return codes.ResourceExhausted
	case artifactv1.Reason_REASON_CAPABILITY_MISSING:
		return codes.Unimplemented
	default:
		return codes.Internal
	}
}

// fallback returns the fault of a code whose reason is missing or not known here: of
// gRPC's own refusals, and of an agent that is newer than this controller.
func fallback(c codes.Code) (r fault.Reason, retry bool) {
	switch c {
	case codes.InvalidArgument, codes.OutOfRange:
		return fault.InvalidRequest, false
	case codes.NotFound:
		return fault.ArtifactNotFound, false
	case codes.FailedPrecondition:
		return fault.WorkloadUnfit, false
	case codes.DataLoss:
		return fault.DigestMismatch, false
	case codes.Unavailable:
		return fault.HostUnreachable, true
	case codes.PermissionDenied, codes.Unauthenticated:
		return fault.RoleMissing, false
	case codes.Aborted:
		return fault.Stale, false
	case codes.ResourceExhausted:
		// gRPC's own is a message over its limit, which stays as large.
		return fault.Busy, false
	case codes.Unimplemented:
		return fault.CapabilityMissing, false
	case codes.DeadlineExceeded:
		return fault.Stalled, true
	case codes.Canceled:
		return fault.Interrupted, false
	default:
		return fault.Internal, false
	}
}

const reasonPrefix = "REASON_"

// known returns the enum value of a reason that may cross the wire.
func known(r fault.Reason) (artifactv1.Reason, bool) {
	v, ok := artifactv1.Reason_value[reasonPrefix+string(r)]
	return artifactv1.Reason(v), ok && v != 0
}

// Status returns the status with which a server answers for an error: the server's half of
// the table. An error that is a status already stays as it is, with all its details.
func Status(err error) error {
	if err == nil {
		return nil
	}
	f := (*fault.Error)(nil)
	if !errors.As(err, &f) {
		switch {
		case errors.Is(err, context.Canceled):
			return status.Error(codes.Canceled, err.Error())
		case errors.Is(err, context.DeadlineExceeded):
			return status.Error(codes.DeadlineExceeded, err.Error())
		}
		if _, ok := err.(interface{ GRPCStatus() *status.Status }); ok { // a wrapped error would lose its words
			return err
		}
		f = &fault.Error{Reason: fault.Internal}
	}
	reason, ok := known(f.Reason)
	if !ok {
		reason = artifactv1.Reason_REASON_INTERNAL
	}
	info := &errdetails.ErrorInfo{Reason: strings.TrimPrefix(reason.String(), reasonPrefix), Domain: domain}
	info.Metadata = map[string]string{}
	if hint := fault.HintOf(err); hint != "" {
		info.Metadata[hintKey] = clip(plain.Text(hint))
	}
	if action := fault.ActionOf(err); action != "" {
		info.Metadata[actionKey] = string(action)
	}
	if by, until := fault.HolderOf(err); by != "" {
		info.Metadata[byKey] = clip(plain.Text(by))
		if !until.IsZero() {
			info.Metadata[untilKey] = until.UTC().Format(time.RFC3339)
		}
	}
	details := []protoadapt.MessageV1{info}
	if f.Retry {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(retryAfter)})
	}
	// gRPC percent-encodes a message that is not UTF-8, HTTP/2 limits headers and a
	// terminal obeys; the words of a registry or an engine are fit for none of them
	// for certain.
	st, detailErr := status.New(codeOf(reason), clip(plain.Text(err.Error()))).WithDetails(details...)
	if detailErr != nil {
		return status.Error(codeOf(reason), "error without details")
	}
	return st.Err()
}

// clip keeps a message well within the header list that a client accepts.
func clip(s string) string {
	const most = 4 << 10
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + " …"
}

// remoteError is a status's words as an error that still holds the status, with
// details of kinds that this build does not know.
type remoteError struct {
	st    *status.Status
	words string
}

func (e *remoteError) Error() string              { return e.words }
func (e *remoteError) GRPCStatus() *status.Status { return e.st }

// quoted are words of a host as they are printed: bounded, plain, and without what package
// remedy would put a line of this program for.
func quoted(words string) string {
	words = clip(plain.Text(words))
	for _, a := range fault.Actions() {
		words = strings.ReplaceAll(words, a.Mark(), string(a))
	}
	return words
}

// fromStatus is the client's half of the table. It marks message and hint as the host's
// words. A status without this project's detail may be gRPC's own, of a connection
// that broke.
func fromStatus(host string, err error) *fault.Error {
	st, _ := status.FromError(err)
	words := quoted(st.Message())
	f := &fault.Error{From: host, Err: &remoteError{st, fault.Says(host, words)}}
	f.Reason, f.Retry = fallback(st.Code())
	for _, d := range st.Details() {
		info, ok := d.(*errdetails.ErrorInfo)
		if !ok || info.GetDomain() != domain {
			continue
		}
		f.Hint, f.By = quoted(info.GetMetadata()[hintKey]), plain.Bounded(info.GetMetadata()[byKey], maxWords)
		f.Until, _ = time.Parse(time.RFC3339, info.GetMetadata()[untilKey]) // an older agent sends none
		if action := fault.Action(info.GetMetadata()[actionKey]); slices.Contains(fault.Actions(), action) {
			f.Action = action
		}
		if _, ok := known(fault.Reason(info.GetReason())); ok {
			f.Reason = fault.Reason(info.GetReason())
		}
		// Ours shows by RetryInfo, not by the code, whether a retry helps.
		f.Retry = false
		for _, d := range st.Details() {
			if _, ok := d.(*errdetails.RetryInfo); ok {
				f.Retry = true
			}
		}
	}
	return f
}
