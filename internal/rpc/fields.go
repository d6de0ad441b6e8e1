package rpc

import (
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"google.golang.org/protobuf/types/known/timestamppb"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// The forms of values that a message may hold besides names; internal/workload has the forms
// of names. None begins with a dash, holds a blank or goes up a folder.
var (
	changeForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)
	// idForm is an engine's id of a container, or the uid of a pod or a ReplicaSet.
	idForm = regexp.MustCompile(`^([0-9a-f]{64}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$`)
	// tagForm is the distribution specification's.
	tagForm = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
)

// maxList is the most entries that a list of a message has any use for.
const maxList = 256

// fields parses an untrusted message. It keeps the first fault: what is returned after
// a fault is worth nothing.
type fields struct{ err error }

// refuse notes what is wrong with a field. The value is not repeated: it may be
// anything, a secret in the wrong place too.
func (f *fields) refuse(field, why string) {
	if f.err == nil {
		f.err = fault.New(fault.InvalidRequest, "%s: %s", field, why)
	}
}

func (f *fields) match(field string, form *regexp.Regexp, s string) string {
	if !form.MatchString(s) {
		f.refuse(field, "not of the form that the contract gives it")
		return ""
	}
	return s
}

// form is match for names.
func (f *fields) form(field string, form workload.Form, s string) string {
	if !form.Match(s) {
		f.refuse(field, "not a "+form.String()+": "+form.Want())
		return ""
	}
	return s
}

// optional is match for what may be empty.
func (f *fields) optional(field string, form *regexp.Regexp, s string) string {
	if s == "" {
		return ""
	}
	return f.match(field, form, s)
}

// line is a line for people, of at most 512 bytes: nothing in it that a terminal acts on,
// or that reads otherwise than it is written.
func (f *fields) line(field, s string) string {
	if len(s) > 512 || strings.ContainsFunc(s, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }) {
		f.refuse(field, "too long, or with characters in it that are not shown")
		return ""
	}
	return s
}

// words are text for people: nothing in it that a terminal acts on.
func (f *fields) words(field, s string, most int) string {
	if len(s) > most || strings.ContainsFunc(s, unicode.IsControl) {
		f.refuse(field, "too long, or with control characters in it")
		return ""
	}
	return s
}

func (f *fields) digest(field, s string) artifact.Digest {
	d, err := artifact.ParseDigest(s)
	if err != nil {
		f.refuse(field, "not a sha256 digest")
	}
	return d
}

func (f *fields) optionalDigest(field, s string) artifact.Digest {
	if s == "" {
		return artifact.Digest{}
	}
	return f.digest(field, s)
}

func (f *fields) commit(field, s string) artifact.Commit {
	c, err := artifact.ParseCommit(s)
	if err != nil && f.err == nil {
		f.err = fault.New(fault.CommitNotPinned, "%s: not a full commit id (40 or 64 lower-case hex digits)", field)
	}
	return c
}

func (f *fields) optionalRepository(field, s string) artifact.Repository {
	if s == "" {
		return artifact.Repository{}
	}
	return f.repository(field, s)
}

func (f *fields) repository(field, s string) artifact.Repository {
	r, err := artifact.ParseRepository(s)
	if err != nil {
		f.refuse(field, "not a repository name")
	}
	return r
}

// moment returns a time; the zero time travels as none at all.
func (f *fields) moment(field string, t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	if t.CheckValid() != nil {
		f.refuse(field, "not a time")
		return time.Time{}
	}
	return t.AsTime()
}

func (f *fields) address(field, s string) netip.AddrPort {
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		f.refuse(field, "not an address and a port")
	}
	return a
}

// addresses parses each entry; none is an empty list.
func (f *fields) addresses(field string, in []string) []netip.AddrPort {
	out := make([]netip.AddrPort, 0, len(in))
	for _, s := range in {
		out = append(out, f.address(field, s))
	}
	return out
}

// size is a count of bytes.
func (f *fields) size(field string, n, most uint64) int64 {
	if n > most {
		f.refuse(field, "more bytes than there are")
		return 0
	}
	return int64(n)
}

func (f *fields) platform(field string, m *artifactv1.Platform) artifact.Platform {
	p, err := artifact.ParsePlatform(platformOf(m).String())
	if err != nil {
		f.refuse(field, "not of the form os/architecture or os/architecture/variant")
	}
	return p
}

func momentToProto(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func (f *fields) few(field string, n, most int) {
	if n > most {
		f.refuse(field, "too many of them")
	}
}

// list parses each entry; none is nil.
func (f *fields) list(field string, in []string, one func(string) string) (out []string) {
	f.few(field, len(in), maxList)
	for _, s := range in {
		if f.err != nil {
			return nil
		}
		out = append(out, one(s))
	}
	return out
}

// variables parses names and values, each name once; none is nil.
func (f *fields) variables(field string, in []*artifactv1.Variable, name func(string) bool, value func(string) bool) map[string]string {
	f.few(field, len(in), maxList)
	var out map[string]string
	for _, v := range in {
		_, twice := out[v.GetName()]
		if f.err != nil || twice || !name(v.GetName()) || !value(v.GetValue()) {
			f.refuse(field, "a name or a value that is not possible, or a name twice")
			return nil
		}
		if out == nil {
			out = make(map[string]string, len(in))
		}
		out[v.GetName()] = v.GetValue()
	}
	return out
}

// variablesToProto are sorted, so that the same change is the same bytes.
func variablesToProto(in map[string]string) (out []*artifactv1.Variable) {
	for _, k := range slices.Sorted(maps.Keys(in)) {
		out = append(out, &artifactv1.Variable{Name: plain.Line(k), Value: plain.Line(in[k])})
	}
	return out
}

func (f *fields) flags(field string, in []*artifactv1.Flag, name func(string) bool) map[string]bool {
	f.few(field, len(in), maxList)
	var out map[string]bool
	for _, v := range in {
		_, twice := out[v.GetName()]
		if f.err != nil || twice || !name(v.GetName()) {
			f.refuse(field, "a name that is not possible, or a name twice")
			return nil
		}
		if out == nil {
			out = make(map[string]bool, len(in))
		}
		out[v.GetName()] = v.GetValue()
	}
	return out
}

func flagsToProto(in map[string]bool) (out []*artifactv1.Flag) {
	for _, k := range slices.Sorted(maps.Keys(in)) {
		out = append(out, &artifactv1.Flag{Name: k, Value: in[k]})
	}
	return out
}
