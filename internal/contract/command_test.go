package contract_test

import (
	"encoding/json"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
)

func TestACommandIsCompleteWhenNothingIsLeftToFillIn(t *testing.T) {
	t.Parallel()
	open := contract.Ours("apply", "--commit", string(contract.PreviousCommit), "--grant", string(contract.GrantFile))
	half := open.With(contract.PreviousCommit, "abc")
	done := half.With(contract.GrantFile, "a b's")
	for _, c := range []struct {
		command  contract.Command
		complete bool
		line     string
	}{
		{contract.Command{}, false, ""},
		{open, false, "unidesk-controller apply --commit <previous-full-sha> --grant FILE"},
		{half, false, "unidesk-controller apply --commit abc --grant FILE"},
		{done, true, `unidesk-controller apply --commit abc --grant 'a b'\''s'`},
		{contract.Form("unidesk-controller apply [--commit SHA]"), false, "unidesk-controller apply [--commit SHA]"},
	} {
		if got := c.command.String(); got != c.line || c.command.Complete() != c.complete {
			t.Errorf("%q, complete %v; want %q, %v", got, c.command.Complete(), c.line, c.complete)
		}
	}
	if open.String() != "unidesk-controller apply --commit <previous-full-sha> --grant FILE" {
		t.Errorf("With changed the command that it was asked on: %s", open)
	}
}

// A receipt and an answer hold the line, which reads back as the same command.
func TestACommandReadsItsOwnLine(t *testing.T) {
	t.Parallel()
	for _, c := range []contract.Command{
		{},
		contract.Ours("deploy", "apply", "--commit", string(contract.AnyCommit)),
		contract.Words("x", "a b", "it's", "", `\`, "''", "=x", "$HOME", "ü"),
	} {
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var again contract.Command
		if err := json.Unmarshal(b, &again); err != nil || !again.Equal(c) {
			t.Errorf("%s: %q, %v", b, again, err)
		}
	}
	if _, err := contract.ParseCommand("x 'y"); err == nil {
		t.Error("an open quote is read")
	}
}
