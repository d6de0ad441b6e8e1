package compose

import (
	"bytes"
	"context"
	"crypto/sha256"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/envfile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/statefile"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// fresh is how long Compose's output about the project is valid while its files stay as
// they are: the output also depends on other things, such as Compose's own version.
const fresh = time.Minute

// known is what Compose printed about the project when its files had this sum.
type known struct {
	project []byte
	sum     [sha256.Size]byte
	at      time.Time
}

// recall is [Runtime.define] for repeated looks, during a proof or over all services of
// a project: it runs Compose, for a tenth of a second, only if the files have other
// bytes than at its last answer.
func (r *Runtime) recall(ctx context.Context, env envfile.Content, name string) (workload.ComposeDefinition, error) {
	if k := r.known.Load(); k != nil && time.Since(k.at) < fresh {
		if sum, whole := r.sum(); whole && sum == k.sum {
			return r.pick(ctx, env, name, k.project, nil)
		}
	}
	// Callers that ask at the same time share an answer: Compose is a program of tens of
	// threads. It goes on, within the limit of a read, for the callers that still wait.
	answer := r.looks.DoChan(name, func() (any, error) { return r.define(context.WithoutCancel(ctx), env, name) })
	select {
	case a := <-answer:
		d, _ := a.Val.(workload.ComposeDefinition)
		return d, a.Err
	case <-ctx.Done():
		return workload.ComposeDefinition{}, context.Cause(ctx)
	}
}

// readProject has Compose print the project. The answer is known from then on,
// unless the files were changed meanwhile: Compose may have read either.
func (r *Runtime) readProject(ctx context.Context, env envfile.Content) ([]byte, error) {
	before, whole := r.sum()
	project, err := r.read(ctx, env, r.configArguments()...)
	if err != nil {
		return nil, err
	}
	if after, still := r.sum(); whole && still && before == after {
		r.known.Store(&known{project: project, sum: after, at: time.Now()})
	}
	return project, nil
}

// sum returns the hash of the present content of the Compose files and the env file; whole
// is true if they are all of the project.
func (r *Runtime) sum() (sum [sha256.Size]byte, whole bool) {
	elsewhere := [...]string{"include", "extends", "label_file"} // by these words a Compose file makes others a part of it
	all := sha256.New()
	for _, name := range append(r.config.files(), r.config.EnvFile) {
		content, err := statefile.ReadFile(name, statefile.Most)
		if err != nil {
			return sum, false
		}
		for _, word := range elsewhere {
			if name != r.config.EnvFile && bytes.Contains(content, []byte(word)) {
				return sum, false
			}
		}
		one := sha256.Sum256(content)
		all.Write(one[:])
	}
	return [sha256.Size]byte(all.Sum(nil)), true
}
