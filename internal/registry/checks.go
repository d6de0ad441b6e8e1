package registry

import (
	"cmp"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// statusOK is HTTP's 200 (RFC 9110, 15.3.1), the answer of GET /v2/ when all is well.
const statusOK = 200

func unitChecks(f Facts) []Check {
	const silent = "unknown: systemd did not answer"
	load, active, file := silent, silent, silent
	if f.Unit != nil {
		load, active, file = f.Unit.Load, f.Unit.Active, cmp.Or(f.Unit.File, "none")
	}
	checks := []Check{
		{Scope: ScopeUnit, Name: "unit-exists", Want: "loaded", Got: load, Fix: fault.RegistryInstall.Mark()},
		{Scope: ScopeUnit, Name: "unit-active", Want: "active", Got: active, Fix: "on the host, as root: systemctl start " + Unit},
		{Scope: ScopeUnit, Name: "unit-enabled", Want: "enabled", Got: file, Fix: "on the host, as root: systemctl enable " + Unit},
	}
	for i := range checks {
		switch {
		case f.Unit != nil && f.Unit.masked():
			checks[i].Fix = "on the host, as root: systemctl unmask " + Unit
		case f.noUnit():
			checks[i].Fix = fault.RegistryInstall.Mark()
		}
	}
	return judged(checks)
}

// restart is the fix for what the unit starts. A unit that is not there starts nothing.
func (f Facts) restart() string {
	if f.noUnit() {
		return fault.RegistryInstall.Mark()
	}
	return "on the host, as root: systemctl restart " + Unit
}

// output is the fix for an API that fails: the container's output has the reason, if there is a container.
func (f Facts) output(want Settings) string {
	switch {
	case f.Container != nil:
		return "on the host: docker logs " + Container
	case len(f.Listeners) > 0:
		return whose(want)
	}
	return f.restart()
}

// whose is the fix for a port that something else has.
func whose(want Settings) string {
	return fmt.Sprintf("on the host, as root: ss -ltnp sport = :%d tells which process; stop it", want.Endpoint.Port())
}

// masked reports whether the unit is masked, so that nothing starts it, for good or
// until the next boot.
func (u UnitFacts) masked() bool {
	return u.Load == "masked" || strings.HasPrefix(u.File, "masked")
}

func engineCheck(f Facts) Check {
	c := Check{Scope: ScopeEngine, Name: "engine-usable", Want: "an answer", Got: "no answer", Fix: "on the host, as root: systemctl start docker"}
	if f.Engine != nil {
		c.OK, c.Got, c.Fix = true, "version "+f.Engine.Version, ""
	}
	return c
}

func containerCheck(f Facts) Check {
	c := Check{Scope: ScopeContainer, Name: "container-running", Want: "running", Got: noContainer(f), Fix: f.restart()}
	if f.Container != nil {
		c.Got = f.Container.State
		// A container that ends again and again runs in between.
		if n := f.Container.Restarts; n > 0 && f.API.Status != statusOK {
			c.Got = fmt.Sprintf("%s, started again %d times", c.Got, n)
			c.Fix = "on the host: docker logs " + Container
		}
	}
	return judged([]Check{c})[0]
}

func noContainer(f Facts) string {
	if f.Engine == nil {
		return "unknown: the engine did not answer"
	}
	return "no container"
}

// listenerCheck wants loopback and nothing else on the port, and each listener to be
// published by the container: the engine's bindings show whose process it is. An engine
// that forwards without a process of its own has no listener; what it publishes counts
// the same.
func listenerCheck(want Settings, f Facts) Check {
	c := Check{Scope: ScopeListener, Name: "listener-loopback-only", Want: want.Endpoint.String() + ", by " + Container}
	var published []netip.AddrPort
	if f.Container != nil {
		published = f.Container.Published
	}
	if f.Lacks(PartListeners) {
		c.Got, c.Fix = "unknown: the port's listeners could not be read", fmt.Sprintf("on the host, as root: ss -ltnp sport = :%d", want.Endpoint.Port())
		return c
	}
	if len(f.Listeners) == 0 && len(published) == 0 {
		c.Got, c.Fix = "nothing listens", f.restart()
		return c
	}
	var open, beside, foreign, own []string
	for _, l := range f.Listeners {
		switch {
		case !contains(published, l):
			foreign = append(foreign, l.String())
		case !l.Addr().Unmap().IsLoopback():
			open = append(open, l.String())
		case !want.serves(l):
			beside = append(beside, l.String())
		default:
			own = append(own, l.String())
		}
	}
	for _, p := range published {
		switch {
		case contains(f.Listeners, p):
		case !p.Addr().Unmap().IsLoopback():
			open = append(open, p.String())
		case !want.serves(p):
			beside = append(beside, p.String())
		}
	}
	switch {
	case len(foreign) > 0 && f.Engine == nil:
		c.Got, c.Fix = strings.Join(foreign, ", ")+", by whom is unknown: the engine did not answer", "on the host, as root: systemctl start docker"
	case len(foreign) > 0:
		c.Got, c.Fix = strings.Join(foreign, ", ")+", by something else", whose(want)
	case len(open) > 0:
		c.Got, c.Fix = strings.Join(open, ", ")+", open to others", "close it: "+fault.RegistryInstall.Mark()
	case len(beside) > 0:
		c.Got, c.Fix = strings.Join(beside, ", ")+", beside the endpoint", "close it: "+fault.RegistryInstall.Mark()
	case !covers(published, want.Endpoint):
		c.Got, c.Fix = strings.Join(append(own, "not the endpoint"), ", "), fault.RegistryInstall.Mark()
	default:
		c.OK, c.Got = true, strings.Join(own, ", ")
		if len(own) == 0 {
			c.Got = want.Endpoint.String() + ", by the engine's own forwarding"
		}
	}
	return c
}

// serves reports whether the registry may listen at a: at its endpoint, and at the
// host's own loopback address of either kind.
func (s Settings) serves(a netip.AddrPort) bool {
	addr := a.Addr().Unmap()
	return addr == s.Endpoint.Addr().Unmap() || addr == netip.AddrFrom4([4]byte{127, 0, 0, 1}) || addr == netip.IPv6Loopback()
}

// contains reports whether the addresses have a, whatever form a v4 address takes.
func contains(list []netip.AddrPort, a netip.AddrPort) bool {
	for _, x := range list {
		if x.Port() == a.Port() && x.Addr().Unmap() == a.Addr().Unmap() {
			return true
		}
	}
	return false
}

// covers reports whether any of the addresses serves the endpoint.
func covers(list []netip.AddrPort, endpoint netip.AddrPort) bool {
	for _, x := range list {
		if x.Port() == endpoint.Port() && (x.Addr().IsUnspecified() || x.Addr().Unmap() == endpoint.Addr()) {
			return true
		}
	}
	return false
}

func apiCheck(want Settings, f Facts) Check {
	c := Check{Scope: ScopeAPI, Name: "api-answers-200", OK: f.API.Status == statusOK && !f.API.stranger(), Want: "200", Got: strconv.Itoa(f.API.Status)}
	if f.API.stranger() {
		c.Got += ", from what is no registry (no Docker-Distribution-Api-Version)"
	}
	if f.API.Status == 0 {
		c.Got = "no answer"
		if f.API.Error != "" {
			c.Got += ": " + f.API.Error
		}
	}
	if !c.OK {
		c.Fix = f.output(want)
	}
	return c
}

func storageCheck(want Settings, f Facts) Check {
	c := Check{Scope: ScopeStorage, Name: "storage-exists", OK: f.Storage.Exists, Want: "a folder at " + want.Storage, Got: "a folder"}
	switch {
	case c.OK:
	case f.Lacks(PartStorage):
		c.Got, c.Fix = "unknown: it could not be read", "on the host, as root: ls -ld "+want.Storage
	case f.nothing():
		c.Got, c.Fix = "no folder", fault.RegistryInstall.Mark()
	default:
		c.Got, c.Fix = "no folder", "find out where it went before anything else (the images are in it); install would make an empty one"
	}
	return c
}

// hashCheck is the name of a file's check.
func hashCheck(name FileName) string { return string(name) + "-hash" }

func fileChecks(want Settings, f Facts) (checks []Check) {
	for _, file := range Render(want) {
		have := f.Files[file.Name]
		c := Check{Scope: ScopeFiles, Name: hashCheck(file.Name), Want: file.Hash().String(), Got: have.Hash.String()}
		switch have.State {
		case Regular:
		case Absent:
			c.Got = "absent"
		case Other:
			c.Got = "a link, or no file"
		default:
			c.Got = "unknown: it could not be read"
		}
		c.Fix = "decide: " + fault.RegistryInstall.Mark() + " (a controlled upgrade), or find out who changed " + file.Path + " (drift)"
		if f.nothing() {
			c.Fix = fault.RegistryInstall.Mark()
		}
		if f.earlier(want, file.Name) {
			c.Want = c.Got // an installation brings the later unit, see [Report.warn]
		}
		checks = append(checks, c)
	}
	return judged(checks)
}

// earlier reports whether the file is the unit of an earlier version, untouched.
func (f Facts) earlier(want Settings, name FileName) bool {
	have := f.Files[name]
	return name == UnitFile && have.State == Regular && have.Hash == want.earlier().Hash()
}

func imageCheck(want Settings, f Facts) Check {
	c := Check{Scope: ScopeImage, Name: "image-expected", Want: want.Image, Got: noContainer(f), Fix: fault.RegistryInstall.Mark()}
	if f.Container != nil {
		c.Got = f.Container.Image
		if c.OK = f.Container.has(want.Image); c.OK {
			c.Fix = ""
		}
	}
	return c
}

// has reports whether the container has the wanted image: by digest if the reference
// has a digest, else by name.
func (c ContainerFacts) has(image string) bool {
	_, digest, pinned := strings.Cut(image, "@")
	if !pinned {
		return artifact.Familiar(c.Image) == artifact.Familiar(image)
	}
	if c.ImageID == digest || strings.HasSuffix(c.Image, "@"+digest) {
		return true
	}
	for _, d := range c.RepoDigests {
		if strings.HasSuffix(d, "@"+digest) {
			return true
		}
	}
	return false
}

// judged settles checks that hold when what there is is what is wanted.
func judged(checks []Check) []Check {
	for i, c := range checks {
		if c.OK = c.Got == c.Want; c.OK {
			checks[i].OK, checks[i].Fix = true, ""
		}
	}
	return checks
}
