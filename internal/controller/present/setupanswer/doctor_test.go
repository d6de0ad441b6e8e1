package setupanswer

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/doctor"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/present"
)

func TestADiagnosisIsGroupedWithAGlyphAndAFix(t *testing.T) {
	t.Parallel()
	d := doctor.Diagnosis{Decision: doctor.LevelFault, Findings: []doctor.Finding{
		{Group: "UniDesk", Check: "env file", OK: true, Level: doctor.LevelOK, What: "mode 0600"},
		{Group: "host D601", Check: "clock", Level: doctor.LevelWarning, What: "off", Fix: "set it"},
		{Group: "host D601", Check: "leftovers", OK: true, Level: doctor.LevelOK, What: "none"},
		{Group: "host D601", Check: "agent", Level: doctor.LevelFault, What: "two\nlines", Fix: "start it\nor not"},
	}}
	var out strings.Builder
	if err := printDiagnosis(&out, d); err != nil {
		t.Fatal(err)
	}
	want := `fault  1 fault, 1 warning, 2 ok
UniDesk
  ✓ env file: mode 0600
host D601
  ! clock: off
    fix: set it
  ✓ interrupted deploys: none
  ✗ agent: two
    lines
    fix: start it
    or not
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestADiagnosisHasItsExitCode(t *testing.T) {
	t.Parallel()
	for decision, want := range map[doctor.Level]int{doctor.LevelOK: present.ExitOK, doctor.LevelWarning: present.ExitDegraded, doctor.LevelFault: present.ExitFailed} {
		if got := diagnosisExit(doctor.Diagnosis{Decision: decision}); got != want {
			t.Errorf("%s: exit code %d, want %d", decision, got, want)
		}
	}
}
