package pull

import (
	"context"
	"errors"
	"net/http"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// answerer is who gives an answer, as far as the answer shows.
type answerer int

const (
	silent   answerer = iota // there is no answer
	itself                   // a registry
	stranger                 // perhaps another program
)

// whose recognizes a registry by the header that Docker's registry API gives each answer.
// The proxy of a registry that is away has none, and is asked again.
func whose(resp *http.Response) answerer {
	switch {
	case resp.Header.Get("Docker-Distribution-Api-Version") != "":
		return itself
	case resp.StatusCode >= http.StatusInternalServerError, resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode == http.StatusRequestTimeout:
		return silent
	}
	return stranger
}

// Ping asks for /v2/, which every registry answers, and returns nil when what answers
// shows that it is a registry: by the header, or by the error document of the
// distribution specification. It fails with REGISTRY_UNAVAILABLE; that another program
// has the port does not pass by itself.
func (r *Registry) Ping(ctx context.Context) error {
	resp, answers, err := r.ask(ctx, http.MethodGet, "")
	status := http.StatusOK
	if err == nil {
		_ = resp.Body.Close()
	} else if te := (*transport.Error)(nil); errors.As(err, &te) {
		status = te.StatusCode
	}
	switch answers {
	case itself:
		return nil
	case silent:
		return err
	}
	return fault.New(fault.RegistryUnavailable, "what answers at %s is no registry: it answers /v2/ with status %d and without Docker-Distribution-Api-Version",
		r.host, status).WithHint("find the program that has the port (ss -ltnp), and look at the registry").WithAction(fault.RegistryHealth)
}

// invalid is an answer of the registry that cannot be an image. Nothing in the request
// is wrong, and to ask again is of no use.
func invalid(format string, args ...any) error {
	return fault.New(fault.ArtifactInvalid, format, args...).WithHint("publish the commit again")
}
