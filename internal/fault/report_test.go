package fault_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

func TestAReportIsFlat(t *testing.T) {
	t.Parallel()
	inner := fault.New(fault.ChangePending, "a change is pending").WithHint("let it end").WithAction(fault.Recover)
	for name, c := range map[string]struct {
		err    error
		json   string
		action fault.Action
	}{
		"a fault": {inner, `{"reason":"CHANGE_PENDING","message":"a change is pending","retryable":false,"hint":"let it end"}`, fault.Recover},
		"a fault around it, with the inner one's hint": {
			fault.Transient(fault.Stale, "switch: %w", inner), `{"reason":"STALE","message":"switch: a change is pending","retryable":true,"hint":"let it end"}`, fault.Recover,
		},
		"a fault around it, with its own hint": {
			fmt.Errorf("x: %w", fault.New(fault.Stale, "%w", inner).WithHint("look again")), `{"reason":"STALE","message":"x: a change is pending","retryable":false,"hint":"look again"}`, "",
		},
		"an action without a hint": {
			fault.New(fault.Stale, "%w", inner).WithAction(fault.ListReceipts), `{"reason":"STALE","message":"a change is pending","retryable":false}`, fault.ListReceipts,
		},
		"another error": {errors.New("what"), `{"reason":"INTERNAL","message":"what","retryable":false}`, ""},
	} {
		r := fault.ReportOf(c.err)
		got, err := json.Marshal(r)
		if err != nil || string(got) != c.json || r.Action != c.action || fault.ActionOf(c.err) != c.action {
			t.Errorf("%s: %s, action %q (%v)", name, got, r.Action, err)
		}
	}
}
