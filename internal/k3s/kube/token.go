package kube

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"
	"sync"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/rights"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
)

// tokenLife is that of a renewed token. An API server may shorten it.
const tokenLife = 24 * time.Hour

// maxToken is more than a token has.
const maxToken = 16 << 10

// tokenFile is the file of a token. It is read anew when it is another file, or was
// written to.
type tokenFile struct {
	path string

	mu      sync.Mutex
	seen    os.FileInfo
	content string
}

// read returns the token, and fails with CONFIG_INVALID if there is none.
func (t *tokenFile) read() (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	info, err := os.Stat(t.path)
	if err != nil {
		return "", fault.New(fault.ConfigInvalid, "token of the Kubernetes account: %w", err).WithHint("%s", rights.TokenLine(t.path))
	}
	if t.seen != nil && os.SameFile(info, t.seen) && info.ModTime().Equal(t.seen.ModTime()) && info.Size() == t.seen.Size() {
		return t.content, nil
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fault.New(fault.ConfigInvalid, "%s may be read by other accounts", t.path).
			WithHint("as root: chmod 600 %s, and make another token if somebody may have read it", t.path)
	}
	if info.Size() > maxToken {
		return "", fault.New(fault.ConfigInvalid, "%s holds %d bytes; a token has at most %d", t.path, info.Size(), maxToken)
	}
	raw, err := statefile.Read(t.path)
	if err != nil {
		return "", fault.New(fault.ConfigInvalid, "token of the Kubernetes account: %w", err)
	}
	content := strings.TrimSpace(string(raw))
	if content == "" || strings.ContainsFunc(content, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fault.New(fault.ConfigInvalid, "%s does not hold a token", t.path).WithHint("%s", rights.TokenLine(t.path))
	}
	t.seen, t.content = info, content
	return content, nil
}

// Token is a ServiceAccount's token, without the token itself.
type Token struct {
	Namespace, Account string
	// Issued and Expires are zero if the token does not have them.
	Issued, Expires time.Time
}

// Token returns the account and the times that the token of the token file names, and
// false with a kubeconfig. No signature is verified: the API server does that.
func (c *Cluster) Token() (Token, bool, error) {
	if c.token == nil {
		return Token{}, false, nil
	}
	content, err := c.token.read()
	if err != nil {
		return Token{}, false, err
	}
	t, err := parseToken(content)
	if err != nil {
		return Token{}, false, fault.New(fault.ConfigInvalid, "%s does not hold a token of a ServiceAccount", c.token.path).WithHint("%s", rights.TokenLine(c.token.path))
	}
	return t, true, nil
}

func parseToken(content string) (t Token, err error) {
	_, rest, _ := strings.Cut(content, ".")
	payload, _, _ := strings.Cut(rest, ".")
	raw, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return Token{}, err
	}
	var claims struct {
		Exp, Iat   int64
		Kubernetes struct {
			Namespace      string
			ServiceAccount struct{ Name string }
		} `json:"kubernetes.io"`
	}
	if err := json.Unmarshal(raw, &claims); err != nil {
		return Token{}, err
	}
	at := func(seconds int64) time.Time {
		if seconds == 0 {
			return time.Time{}
		}
		return time.Unix(seconds, 0).UTC()
	}
	return Token{
		Namespace: claims.Kubernetes.Namespace, Account: claims.Kubernetes.ServiceAccount.Name,
		Issued: at(claims.Iat), Expires: at(claims.Exp),
	}, nil
}

// due reports whether half of the token's life is over.
func (t Token) due(now time.Time) bool {
	return t.Expires.IsZero() || !now.Before(t.Issued.Add(t.Expires.Sub(t.Issued)/2))
}

// RenewToken asks for another token of the same account once half of the life of the
// present token is over, and replaces the file. It reports whether it did.
func (c *Cluster) RenewToken(ctx context.Context, now time.Time) (bool, error) {
	t, ok, err := c.Token()
	if err != nil || !ok || !t.due(now) {
		return false, err
	}
	life := int64(tokenLife / time.Second)
	body, err := json.Marshal(authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &life},
	})
	if err != nil {
		return false, fault.New(fault.Internal, "%w", err)
	}
	right := rights.Renewal(t.Namespace, t.Account)
	raw, err := c.do(ctx, request{right: right, body: body})
	if err != nil {
		return false, c.explain(ctx, right, err)
	}
	var answer authenticationv1.TokenRequest
	if err := json.Unmarshal(raw, &answer); err != nil || answer.Status.Token == "" {
		return false, fault.New(fault.KubernetesUnavailable, "the API server answers without a token")
	}
	if err := statefile.Replace(c.token.path, []byte(answer.Status.Token+"\n"), 0o600); err != nil {
		return false, statefile.Fault(fault.Internal, c.token.path, "write the renewed token", err)
	}
	return true, nil
}
