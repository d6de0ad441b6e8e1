package lab

import (
	"slices"
	"strconv"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/placement"
)

// The repositories that the sample's commits claim to come from: what the
// product's catalog wants to see in an image's source label.
const (
	unideskSource  = "https://github.com/pikasTech/unidesk"
	todoNoteSource = "https://github.com/pikasTech/todo-note"
)

// service is a service of the sample as its compose.yaml has it.
type service struct {
	id, source, container, image, probe string
}

func services() []service {
	return []service{
		{"baidu-netdisk", unideskSource, "baidu-netdisk-backend", "baidu-netdisk", ":4244/health"},
		{"frontend", unideskSource, "unidesk-frontend", "unidesk-frontend", ":8080/health"},
		{"project-manager", unideskSource, "project-manager-backend", "project-manager", ":4233/health"},
		{"oa-event-flow", unideskSource, "oa-event-flow-backend", "oa-event-flow", ":4255/health"},
		{"todo-note", todoNoteSource, "todo-note-backend", "todo-note", ":4211/api/health"},
		{"backend-core", unideskSource, "unidesk-backend-core", "unidesk-backend-core", ":8080/health"},
		{"code-queue-mgr", unideskSource, "code-queue-mgr-backend", "code-queue-mgr", ":8080/health"},
	}
}

// servicesOfD601 are those that run on D601 itself, as sample/d601 has them.
func servicesOfD601() []service {
	return []service{
		{"findjob", unideskSource, "findjob-backend", "findjob", ":8080/health"},
		{"pipeline", unideskSource, "pipeline-backend", "pipeline", ":8080/health"},
	}
}

// servicesOfK3s are those that run in D601's Kubernetes alone; frontend runs there too. Their containers' names are the catalog's.
func servicesOfK3s() (all []service) {
	for _, id := range []string{"decision-center", "mdtodo", "claudeqq", "code-queue"} {
		all = append(all, service{id, unideskSource, id, id, ":8080/health"})
	}
	return all
}

// placed is the service as the agent of its host places it; prefix is the lab's.
func (s service) placed(prefix string) *placement.Service {
	port, path, _ := strings.Cut(strings.TrimPrefix(s.probe, ":"), "/")
	n, _ := strconv.Atoi(port)
	return &placement.Service{
		Container: prefix + s.container, Image: prefix + s.image,
		KeyPrefix: "UNIDESK_" + strings.ToUpper(strings.ReplaceAll(s.id, "-", "_")) + "_DEPLOY_",
		Probe:     placement.Probe{Port: n, Path: "/" + path},
	}
}

func serviceByID(id string) (service, bool) {
	for _, s := range slices.Concat(services(), servicesOfD601(), servicesOfK3s()) {
		if s.id == id {
			return s, true
		}
	}
	return service{}, false
}

// Services are the ids of the sample's services on the master.
func Services() (ids []string) {
	for _, s := range services() {
		ids = append(ids, s.id)
	}
	return ids
}
