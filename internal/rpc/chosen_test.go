package rpc_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
)

// A request names a workload, an image of the registry by its digests, and a change. A
// container, an image's name, a port, a path and a key's prefix are the host's alone: a new
// field of a request comes here with the question what its caller may choose by it.
func TestARequestChoosesNothingThatIsTheHosts(t *testing.T) {
	t.Parallel()
	const workload = "workload.compose.project workload.compose.service workload.kubernetes.namespace workload.kubernetes.name"
	const image = " image.repository image.commit image.index_digest image.manifest_digest image.config_digest image.bytes"
	want := map[string]string{
		"Observe":        workload + " probe",
		"ListNeighbours": workload,
		"FindImage":      workload + image,
		"Stage":          workload + image,
		"Switch": "change.id change." + strings.ReplaceAll(workload+image, " ", " change.") + " change.basis change.stamps.name change.stamps.value" +
			" change.deadline.seconds change.deadline.nanos change.holder change.flags_before.name change.flags_before.value values.key values.value",
		"Renew":  workload + " change_id",
		"Settle": workload + " change_id outcome proven.id proven.started.seconds proven.started.nanos proven.restarts proven.revision retire",
		"Logs":   workload + " instance lines after.seconds after.nanos",
	}
	methods := artifactv1.File_unidesk_artifact_v1_workload_proto.Services().ByName("WorkloadService").Methods()
	if methods.Len() != len(want) {
		t.Errorf("the service has %d methods, %d are known here", methods.Len(), len(want))
	}
	for i := range methods.Len() {
		m := methods.Get(i)
		got, wanted := fieldsOf("", m.Input()), strings.Fields(want[string(m.Name())])
		slices.Sort(got)
		slices.Sort(wanted)
		if !slices.Equal(got, wanted) {
			t.Errorf("%s has the fields\n%q, want\n%q", m.Name(), got, wanted)
		}
	}
}

// fieldsOf are the paths of all fields that hold a value.
func fieldsOf(at string, m protoreflect.MessageDescriptor) (list []string) {
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		name := strings.TrimPrefix(at+"."+string(f.Name()), ".")
		if f.Message() == nil {
			list = append(list, name)
			continue
		}
		list = append(list, fieldsOf(name, f.Message())...)
	}
	return list
}
