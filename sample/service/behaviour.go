package main

// behaviour is how this commit behaves. The lab commits other values, so that a
// broken version is a broken commit and nothing that can be switched off from
// outside:
//
//	ok            answers as it should
//	never-healthy answers 503 for ever
//	stale-commit  claims to be another commit
//	not-json      answers with a page instead of JSON
//	crash         ends at once with exit code 1
//	crash-later   answers well at first and ends a few seconds after
//	slow-start    does not listen for the first seconds
//	logged-out    has lost its login
//	leaky         prints its environment and its secret in many forms, and never becomes healthy
const behaviour = "ok"
