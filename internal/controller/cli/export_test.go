package cli

import "github.com/pikasTech/unidesk-artifact-cd/internal/deploy"

// WithGrant names the file of a grant in a result.
func WithGrant(r deploy.Result, file string) deploy.Result { return withGrant(r, file) }
