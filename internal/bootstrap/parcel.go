package bootstrap

import (
	"archive/tar"
	"bytes"
	"fmt"

	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/rights"
	"github.com/pikasTech/unidesk-artifact-cd/packaging"
)

// act is what the script is to do.
type act string

const (
	actApply   act = "apply"
	actKeep    act = "keep"
	actRestore act = "restore"
	actLook    act = "look"
	actGrant   act = "grant"
)

// parcel is what crosses to the script: values and files, none of which any shell
// ever reads as its own text.
type parcel struct {
	act     act
	account string
	sha256  string
	config  []byte
	files   []packaging.File
	// sudo is true if the account there is not root.
	sudo bool
	// agent is nil when the host has it already.
	agent []byte
	// cluster are the objects that the agent needs in its cluster.
	cluster []rights.Object
}

// pack makes the tar stream that apply.sh describes.
func (p parcel) pack() []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	var manifest bytes.Buffer
	add := func(name string, content []byte) {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(content)), Mode: 0o600, Format: tar.FormatUSTAR}
		if err := w.WriteHeader(h); err != nil {
			panic(err) // a plain name, and a buffer takes all
		}
		_, _ = w.Write(content)
		fmt.Fprintf(&manifest, "%s  %s\n", sum(content), name)
	}
	add("act", []byte(p.act+"\n"))
	add("account", []byte(p.account+"\n"))
	add("agent.sha256", []byte(p.sha256+"\n"))
	switch p.act {
	case actLook, actGrant:
		p.addCluster(add)
	case actApply:
		add("config", p.config)
		for _, f := range p.files {
			add("root"+f.Path, f.Content)
		}
		if p.agent != nil {
			add("root"+agentPath, p.agent)
		}
	}
	add("manifest", manifest.Bytes())
	_ = w.Close()
	return b.Bytes()
}

// addCluster adds the objects, after the namespaces that they need and that are not
// among them.
func (p parcel) addCluster(add func(name string, content []byte)) {
	var list bytes.Buffer
	files := 0
	line := func(verb string, o rights.Object) {
		files++
		name := fmt.Sprintf("%d.yaml", files)
		add("cluster/"+name, []byte(o.YAML))
		fmt.Fprintf(&list, "%s %s %s\n", verb, name, o)
	}
	there := map[string]bool{"": true}
	for _, o := range p.cluster {
		if o.Kind == "namespace" {
			there[o.Name] = true
		}
	}
	for _, o := range p.cluster {
		if !there[o.Namespace] {
			there[o.Namespace] = true
			line("need", rights.Namespace(o.Namespace))
		}
	}
	for _, o := range p.cluster {
		verb := "apply"
		if o.Empty {
			verb = "create"
		}
		line(verb, o)
	}
	add("cluster/list", list.Bytes())
}
