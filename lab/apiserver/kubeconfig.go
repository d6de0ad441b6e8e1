package apiserver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"

	"go.yaml.in/yaml/v4"
)

// URL is where the API server answers, on its own machine.
func (p *Papers) URL() string { return fmt.Sprintf("https://%s:%d", loopback, p.port) }

// Kubeconfig is a new client's, laid out as k3s lays its own out, with everything inside. RBAC gives a user or a group its rights;
// system:masters has all of them, and other users have none until a role is bound.
func (p *Papers) Kubeconfig(user string, groups ...string) ([]byte, error) {
	cert, key, err := p.client(user, groups...)
	if err != nil {
		return nil, err
	}
	const name = "default"
	return yaml.Dump(kubeconfig{
		APIVersion: "v1", Kind: "Config", CurrentContext: name,
		Clusters: []named{{Name: name, Cluster: &cluster{Server: p.URL(), Authority: p.server.pem()}}},
		Contexts: []named{{Name: name, Context: &pair{Cluster: name, User: name}}},
		Users:    []named{{Name: name, User: &identity{Cert: cert, Key: key}}},
	})
}

// kubeconfig is client-go's format; bytes go out in base64, as it wants them.
type kubeconfig struct {
	APIVersion     string `yaml:"apiVersion"`
	Clusters       []named
	Contexts       []named
	CurrentContext string `yaml:"current-context"`
	Kind           string
	Users          []named
}

type named struct {
	Name    string
	Cluster *cluster  `yaml:",omitempty"`
	Context *pair     `yaml:",omitempty"`
	User    *identity `yaml:",omitempty"`
}

type cluster struct {
	Authority encoded `yaml:"certificate-authority-data"`
	Server    string
}

type pair struct{ Cluster, User string }

type identity struct {
	Cert encoded `yaml:"client-certificate-data"`
	Key  encoded `yaml:"client-key-data"`
}

// Client is an HTTP client that is signed in. A nil dial is the usual dialer; another leads to the API server of another host, which
// is still called by the address that it has there.
func (p *Papers) Client(dial func(ctx context.Context, network, address string) (net.Conn, error), user string, groups ...string) (*http.Client, error) {
	cert, key, err := p.client(user, groups...)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(p.server.cert)
	return &http.Client{Transport: &http.Transport{
		DialContext: dial, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, Certificates: []tls.Certificate{pair}},
	}}, nil
}

// encoded goes into YAML as base64 text.
type encoded []byte

// MarshalYAML implements [yaml.Marshaler].
func (e encoded) MarshalYAML() (any, error) { return base64.StdEncoding.EncodeToString(e), nil }
