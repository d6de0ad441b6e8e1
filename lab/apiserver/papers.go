package apiserver

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"
)

// validity is how long papers are good for, and how long they have been, in case that clocks differ.
const validity = 10 * 365 * 24 * time.Hour

// Papers are the two authorities of a cluster: the first signs what servers show, the second what clients show.
type Papers struct {
	server, clients *authority
	port            int
	names           []string
}

// NewPapers makes the authorities of an API server on a port of this machine, which may be called by further names and addresses.
func NewPapers(port int, names ...string) (*Papers, error) {
	p := &Papers{port: port, names: append([]string{
		loopback, "::1", "localhost", "10.43.0.1", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
	}, names...)}
	var err error
	if p.server, err = newAuthority("k3s-server-ca"); err != nil {
		return nil, err
	}
	p.clients, err = newAuthority("k3s-client-ca")
	return p, err
}

// ClientCA is the certificate of the authority that signs clients.
func (p *Papers) ClientCA() []byte { return p.clients.pem() }

// ServerCA is the certificate of the authority that signs servers.
func (p *Papers) ServerCA() []byte { return p.server.pem() }

// Serving is a server's certificate and key, for the names and addresses by which it is called.
func (p *Papers) Serving(who string, names ...string) (cert, key []byte, err error) {
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: who}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	return p.server.sign(template)
}

func (p *Papers) client(user string, groups ...string) (cert, key []byte, err error) {
	return p.clients.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: user, Organization: groups}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
}

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newKey() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

func newAuthority(name string) (*authority, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	a := &authority{cert: template, key: key}
	der, err := a.issue(template, key)
	if err != nil {
		return nil, err
	}
	a.cert, err = x509.ParseCertificate(der)
	return a, err
}

func (a *authority) pem() []byte { return block("CERTIFICATE", a.cert.Raw) }

// sign makes a key and certifies it.
func (a *authority) sign(template *x509.Certificate) (cert, key []byte, err error) {
	private, err := newKey()
	if err != nil {
		return nil, nil, err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := a.issue(template, private)
	if err != nil {
		return nil, nil, err
	}
	key, err = keyPEM(private)
	return block("CERTIFICATE", der), key, err
}

// issue certifies a key in the authority's name.
func (a *authority) issue(template *x509.Certificate, of *ecdsa.PrivateKey) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(validity)
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &of.PublicKey, a.key)
	if err != nil {
		return nil, fmt.Errorf("certify %s: %w", template.Subject, err)
	}
	return der, nil
}

func keyPEM(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return block("EC PRIVATE KEY", der), nil
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
