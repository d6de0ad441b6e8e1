package cli

import "github.com/spf13/cobra"

// topics returns pages of help that are no commands.
func topics() []*cobra.Command {
	return []*cobra.Command{
		{Use: "exit-codes", Short: "What the exit codes mean", Long: `  0  ok, ready, or nothing to do
  1  failed; a deploy: what ran before runs again
  2  usage: the command line is wrong
  3  blocked, gated, unsupported or deprecated: nothing was touched
  4  degraded: the asked version runs, but not all of it is ok
130  interrupted

The decision and the reason are in the JSON (-o json); explain REASON has the
cause and the repair.`},
		{Use: "environment", Short: "The variables that the controller reads", Long: `UNIDESK_CONFIG    the default of --config
UNIDESK_OUTPUT    the default of -o: text, wide or json
UNIDESK_PROGRESS  the default of --progress: auto, tty, plain, json or quiet
UNIDESK_DEBUG     if not empty, as with --debug
COLUMNS           the width of a text that goes to a pipe; without it, any
NO_COLOR          if not empty, no colours; TERM=dumb does the same
CI_JOB_URL, BUILD_URL, or GITHUB_SERVER_URL, GITHUB_REPOSITORY and GITHUB_RUN_ID
                  the address of the CI job, the default of --link

A flag that is given replaces its variable.`},
		{Use: "output", Short: "What is printed where, and what scripts may rely on", Long: `The result is on stdout, as text or with -o json as one JSON document, a
failure's too: an object whose first key is schemaVersion, with items for what
is listed; schema COMMAND describes it. Progress, notes and the errors of text
are on stderr.

On a terminal each text fits its width: the columns of a table that do not fit
stand below their line, a sentence goes on below its beginning, and only the
end of a line may be cut, with "…", never a service, an environment, a commit
or a line to type. On a pipe each line is whole, unless COLUMNS gives it a
width, and -o wide cuts nothing.

Within a major version keys and values of JSON, exit codes and the names of
reasons stay; keys may be added. Text is for people and may change.

--progress json prints the events of a run on stderr, a JSON object on each
line, in the form of the journal (logs --run ID). Each line to type works when
it is pasted: it has the --config of the command that printed it.`},
	}
}
