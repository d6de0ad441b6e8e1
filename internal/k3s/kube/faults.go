package kube

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/rights"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// words returns text of the cluster, on a single bounded line.
func words(s string) string { return plain.Bounded(s, 400) }

// explain returns a client's error as a fault. The right is what the request needed.
func (c *Cluster) explain(ctx context.Context, right rights.Right, err error) error {
	switch {
	case err == nil:
		return nil
	case fault.ReasonOf(err) != fault.Internal: // from the transport: there is no token
		return err
	case apierrors.IsUnauthorized(err):
		hint := "the kubeconfig has to be this cluster's"
		if c.token != nil {
			hint = "its token has ended, or is another cluster's; " + rights.TokenLine(c.token.path)
		}
		return fault.New(fault.RoleMissing, "the Kubernetes API server does not know the agent's account").WithHint("%s", hint)
	case apierrors.IsForbidden(err):
		return missing(right)
	case apierrors.IsNotFound(err):
		return fault.New(fault.WorkloadNotFound, "there is no %s %s", kind(right), object(right))
	case apierrors.IsConflict(err):
		return stale(right)
	case code(err) == http.StatusTooManyRequests, code(err) >= http.StatusInternalServerError:
		return fault.Transient(fault.KubernetesUnavailable, "the Kubernetes API server cannot answer (%s): %s", right, message(err))
	case code(err) != 0:
		return fault.New(fault.RolloutFailed, "the Kubernetes API server refuses (%s): %s", right, message(err))
	default:
		return c.unreachable(ctx, err)
	}
}

func missing(right rights.Right) error {
	return fault.New(fault.RoleMissing, "the agent's Kubernetes account lacks a right: %s", right).
		WithHint("add it to the Role of the agent's ServiceAccount in namespace %s, then try again", right.Namespace)
}

func stale(right rights.Right) error {
	return fault.New(fault.Stale, "%s %s has changed since it was looked at", kind(right), object(right))
}

// unreachable is about a request without an answer.
func (c *Cluster) unreachable(ctx context.Context, err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err // the address is named once
	}
	if cert := (*tls.CertificateVerificationError)(nil); errors.As(err, &cert) {
		return fault.New(fault.KubernetesUnavailable, "%s does not prove to be the API server: %s", c.server, words(cert.Error())).
			WithHint("set the CA file to that of this cluster")
	}
	if errors.Is(err, errLarge) {
		return fault.New(fault.KubernetesUnavailable, "%s: %w", c.server, err)
	}
	if ctx.Err() != nil {
		return fault.Transient(fault.KubernetesUnavailable, "the question to the Kubernetes API server was given up: %w", ctx.Err())
	}
	return fault.Transient(fault.KubernetesUnavailable, "the Kubernetes API server at %s does not answer: %s", c.server, words(err.Error())).WithHint("on its host: systemctl status k3s")
}

// code returns the HTTP status of an answer that is an error, 0 if there is no answer.
func code(err error) int {
	if s := apierrors.APIStatus(nil); errors.As(err, &s) {
		return int(s.Status().Code)
	}
	return 0
}

// message returns the API server's sentence.
func message(err error) string {
	if s := apierrors.APIStatus(nil); errors.As(err, &s) {
		return words(s.Status().Message)
	}
	return words(err.Error())
}

// unsent reports whether the request never reached the API server.
func unsent(err error) bool {
	op := (*net.OpError)(nil)
	return errors.As(err, &op) && op.Op == "dial" || fault.ReasonOf(err) != fault.Internal
}
