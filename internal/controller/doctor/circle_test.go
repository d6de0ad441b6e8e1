package doctor

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/explain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
)

// question is a command that only looks at the registry.
var question = regexp.MustCompile(`unidesk-controller (artifact-registry status|artifact-registry health|doctor)\b`)

// circle follows the questions that each answer names, and returns the first way that comes
// back to where it was.
func circle(answers map[string][]string) (way []string) {
	var walk func(command string, way []string) []string
	walk = func(command string, way []string) []string {
		if slices.Contains(way, command) {
			return append(way, command)
		}
		for _, text := range answers[command] {
			for _, found := range question.FindAllStringSubmatch(text, -1) {
				if back := walk(found[1], append(slices.Clone(way), command)); back != nil {
					return back
				}
			}
		}
		return nil
	}
	for command := range answers {
		if way := walk(command, nil); way != nil {
			return way
		}
	}
	return nil
}

// brokenRegistries are reports of a registry, one for each way in which it was not read or
// is not as it should be.
func brokenRegistries(t *testing.T) map[string]registry.Report {
	t.Helper()
	c, all := site.Defaults(), map[string]registry.Report{}
	for _, e := range explain.All() {
		for name, err := range map[string]error{
			"":               fault.New(e.Reason, "no"),
			", transient":    fault.Transient(e.Reason, "no"),
			", with a hint":  fault.New(e.Reason, "no").WithHint("mend it"),
			", not declared": fault.New(e.Reason, "%w", &rpc.Unplaced{Key: "registryRoots"}),
		} {
			all[string(e.Reason)+name] = site.Unread(t.Context(), c, nil, err)
		}
	}
	all["a panic"] = site.Unread(t.Context(), c, nil, errors.New("panic"))
	for name, f := range registryTroubles(c.Registry) {
		all[name] = registry.Judge(c.Registry, f)
	}
	return all
}

// registryTroubles are facts of a registry with each trouble alone, and each two together.
func registryTroubles(s registry.Settings) map[string]registry.Facts {
	type trouble struct {
		name string
		make func(*registry.Facts)
	}
	absent := func(name registry.FileName, state registry.FileState) func(*registry.Facts) {
		return func(f *registry.Facts) { f.Files[name] = registry.FileFacts{State: state} }
	}
	container := func(change func(*registry.ContainerFacts)) func(*registry.Facts) {
		return func(f *registry.Facts) {
			if f.Container != nil {
				change(f.Container)
			}
		}
	}
	unit := func(change func(*registry.UnitFacts)) func(*registry.Facts) {
		return func(f *registry.Facts) {
			if f.Unit != nil {
				change(f.Unit)
			}
		}
	}
	others := netip.AddrPortFrom(netip.IPv4Unspecified(), s.Endpoint.Port())
	troubles := []trouble{
		{"no systemd", func(f *registry.Facts) { f.Unit = nil }},
		{"no unit", unit(func(u *registry.UnitFacts) { u.Load, u.Active, u.File = "not-found", "inactive", "" })},
		{"masked", unit(func(u *registry.UnitFacts) { u.Load = "masked" })},
		{"stopped", unit(func(u *registry.UnitFacts) { u.Active = "failed" })},
		{"starting", unit(func(u *registry.UnitFacts) { u.Active = "activating" })},
		{"disabled", unit(func(u *registry.UnitFacts) { u.File = "disabled" })},
		{"no engine", func(f *registry.Facts) { f.Engine, f.Container = nil, nil }},
		{"no container", func(f *registry.Facts) { f.Container, f.Listeners = nil, nil }},
		{"exited", container(func(c *registry.ContainerFacts) { c.State, c.Published = "exited", nil })},
		{"restarting", container(func(c *registry.ContainerFacts) { c.State, c.Restarts = "restarting", 3 })},
		{"another image", container(func(c *registry.ContainerFacts) { c.Image = "nginx" })},
		{"open to others", func(f *registry.Facts) {
			f.Listeners = []netip.AddrPort{others}
			container(func(c *registry.ContainerFacts) { c.Published = f.Listeners })(f)
		}},
		{"a stranger's port", func(f *registry.Facts) { f.Listeners = append(f.Listeners, others) }},
		{"listeners unread", func(f *registry.Facts) { f.Unseen = append(f.Unseen, registry.PartListeners) }},
		{"silent", func(f *registry.Facts) { f.API = registry.APIFacts{Error: "refused", TimedOut: true} }},
		{"failing", func(f *registry.Facts) { f.API = registry.APIFacts{Status: http.StatusServiceUnavailable} }},
		{"no registry", func(f *registry.Facts) { f.API.Registry = new(bool) }},
		{"no storage", func(f *registry.Facts) { f.Storage.Exists = false }},
		{"storage unread", func(f *registry.Facts) {
			f.Storage.Exists, f.Unseen = false, append(f.Unseen, registry.PartStorage)
		}},
		{"config absent", absent(registry.ConfigFile, registry.Absent)},
		{"compose a link", absent(registry.ComposeFile, registry.Other)},
		{"unit's file unread", absent(registry.UnitFile, registry.Unreadable)},
		{"unit's file absent", absent(registry.UnitFile, registry.Absent)},
	}
	all := map[string]registry.Facts{}
	for _, one := range troubles {
		for _, two := range troubles {
			f := wellKept(s)
			one.make(&f)
			two.make(&f)
			all[one.name+", "+two.name] = f
		}
	}
	all["nothing"] = registry.Facts{Files: map[registry.FileName]registry.FileFacts{
		registry.ConfigFile: {State: registry.Absent}, registry.ComposeFile: {State: registry.Absent}, registry.UnitFile: {State: registry.Absent},
	}}
	return all
}

// wellKept are the facts of a registry that is as it should be.
func wellKept(s registry.Settings) registry.Facts {
	f := registry.Facts{
		Unit: &registry.UnitFacts{Load: "loaded", Active: "active", File: "enabled"}, Engine: &registry.EngineFacts{Version: "28.1.0", HasImage: true},
		Container: &registry.ContainerFacts{ID: "c1", State: "running", Image: s.Image, Project: registry.Project, Published: []netip.AddrPort{s.Endpoint}},
		Listeners: []netip.AddrPort{s.Endpoint}, API: registry.APIFacts{Status: http.StatusOK}, Storage: registry.StorageFacts{Exists: true},
		Files: map[registry.FileName]registry.FileFacts{},
	}
	for _, file := range registry.Render(s) {
		f.Files[file.Name] = registry.FileFacts{Path: file.Path, State: registry.Regular, Hash: file.Hash()}
	}
	return f
}

// What status, health or doctor names leads to an act, whatever the registry
// is like and whatever the host said about it.
func TestNoQuestionAboutTheRegistryLeadsBackToItself(t *testing.T) {
	t.Parallel()
	asked := []error{nil, errors.New("no"), fault.New(fault.RegistryUnavailable, "no").WithHint("look at it\n").WithAction(fault.RegistryHealth)}
	for _, a := range fault.Actions() {
		asked = append(asked, fault.New(fault.RegistryUnavailable, "no").WithAction(a))
	}
	reports := brokenRegistries(t)
	reports["healthy"] = registry.Judge(site.Defaults().Registry, wellKept(site.Defaults().Registry))
	decisions, failed := map[registry.Decision]bool{}, map[string]bool{}
	for name, r := range reports {
		decisions[r.Decision] = true
		r := r.Worded(remedy.Text)
		if (r.Next == "") != (r.Decision == registry.Healthy) {
			t.Errorf("%s: %s, next is %q", name, r.Decision, r.Next)
		}
		shown := []string{r.Next, r.Summary}
		for _, c := range r.Checks {
			if !c.OK {
				failed[c.Name], shown = true, append(shown, c.Fix)
			}
			if c.OK != (c.Fix == "") {
				t.Errorf("%s: the check %+v", name, c)
			}
		}
		for _, err := range asked {
			answers := map[string][]string{"artifact-registry status": shown, "artifact-registry health": shown}
			for _, f := range judgeRegistry(registryFacts{asked: err, report: r}) {
				if f.OK != (f.Fix == "") {
					t.Errorf("%s, and its list came to %v: %+v", name, err, f)
				}
				answers["doctor"] = append(answers["doctor"], f.Fix)
			}
			if way := circle(answers); way != nil {
				t.Errorf("%s, and its list came to %v: %s", name, err, strings.Join(way, " -> "))
			}
		}
	}
	if len(decisions) != 8 || len(failed) != 13 {
		t.Errorf("the table has the decisions %v and the failed checks %v", decisions, failed)
	}
}

// Nor does doctor name itself for any other error.
func TestDoctorNeverNamesItself(t *testing.T) {
	t.Parallel()
	for _, a := range fault.Actions() {
		for _, hint := range []string{"", "see", "see\n", "see " + fault.ListServices.Mark()} {
			f := broken("x", fault.New(fault.Internal, "no").WithHint("%s", hint).WithAction(a), "mend it")
			if question.MatchString(f.Fix) || f.Fix == "" || strings.HasSuffix(f.Fix, "\n") {
				t.Error(fmt.Sprint(a), hint, f.Fix)
			}
		}
	}
}
