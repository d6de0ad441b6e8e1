package proof

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// mostGrace is the longest time to stop that a switch waits for. An agent's acts have
// time for it.
const mostGrace = 10 * time.Minute

// reached checks that the container will have an address of its own: its health is asked
// there.
func reached(spec workload.Spec, mode string) Check {
	own := mode != "host" && mode != "none" && !strings.HasPrefix(mode, "service:") && !strings.HasPrefix(mode, "container:")
	return unfit("compose network_mode", own, fmt.Sprintf("is %s: the container has no address of its own, at which its health could be asked", mode),
		fmt.Sprintf("take `network_mode: %s` out of the Compose service %s, and publish its port on 127.0.0.1 if the host needs it", mode, spec.Ref.Name()))
}

// Stops checks that a container, which what names, has no more time to stop than a switch waits.
func Stops(what string, grace time.Duration) Check {
	is := grace.String()
	if grace > 24*time.Hour {
		is = "without an end"
	}
	return unfit(what+" stop time", grace <= mostGrace, fmt.Sprintf("is %s: a deploy waits for a container that stops for %s at the most", is, mostGrace),
		fmt.Sprintf("set `stop_grace_period: %s`, or less, and have Compose recreate the container", mostGrace))
}

// NameFree checks that no container of another project has the service's name.
func NameFree(spec workload.Spec, by *workload.Neighbour) Check {
	if by == nil {
		return unfit("container name", true, "", "")
	}
	whose := "belongs to no Compose project"
	if by.Scope != "" {
		whose = fmt.Sprintf("belongs to the Compose project %s", by.Scope)
	}
	fix := "remove or rename it, if it is not the service"
	if by.Scope != "" {
		fix = fmt.Sprintf("if %s is the project, name it in the configuration in the place of %s; else stop it there (docker compose -p %s), and start the service as project %s",
			by.Scope, spec.Ref.Scope(), plain.Command(by.Scope), spec.Ref.Scope())
	}
	if len(by.Volumes) > 0 {
		fix += fmt.Sprintf("; its data is in %s, which a container of project %s would not have", strings.Join(by.Volumes, ", "), spec.Ref.Scope())
	}
	return unfit("container name", false, fmt.Sprintf("%s is taken: that container %s, and the configuration says %s", cmp.Or(by.Name, spec.Display()), whose, spec.Ref.Scope()), fix)
}

// FilesRead warns of Compose files that Compose reads when it is run by hand, and a
// deploy does not.
func FilesRead(d workload.ComposeDefinition) Check {
	if len(d.UnreadFiles) == 0 {
		return unfit("compose files", true, "", "")
	}
	return warn("compose files", "do not include "+strings.Join(d.UnreadFiles, ", ")+": Compose run by hand reads it, and a deploy runs the service without it",
		"add it to the project's Compose files in the configuration, or remove it")
}
