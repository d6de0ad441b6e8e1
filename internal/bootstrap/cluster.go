package bootstrap

import (
	"context"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// lookAtCluster adds to the facts of a fit host what root sees of its cluster.
func (h Host) lookAtCluster(ctx context.Context, f *Facts) error {
	if !f.K3s || len(h.Cluster) == 0 || f.Fit() != nil {
		return nil
	}
	s, err := h.act(ctx, parcel{cluster: h.Cluster, sudo: !f.root()}, actLook)
	if fault.ReasonOf(err) == fault.KubernetesUnavailable {
		f.Trouble = err.Error()
		return nil
	}
	f.Cluster = s.acts
	return err
}

// grant gives the agent what the look missed in the cluster, and asks the agent again.
func (h Host) grant(ctx context.Context, r *Result, p parcel, f Facts) {
	if changes(f.Cluster) == 0 {
		r.Acts = append(r.Acts, f.Cluster...)
		return
	}
	h.say("cluster", "what the agent needs in the cluster, and a restart")
	s, err := h.act(ctx, p, actGrant)
	r.Acts, r.Changes = append(r.Acts, s.acts...), r.Changes+changes(s.acts)
	if err != nil {
		r.fail(Failed, "cluster", err, "the agent is in place; at least what the acts name is done in the cluster, and the same command goes on from there")
		return
	}
	r.Decision = Succeeded
	if r.Agent == nil { // it runs, and refuses this account
		return
	}
	agent, err := h.answer(ctx)
	if err != nil {
		r.fail(Failed, "ask", err, "the cluster has all that the agent needs; the agent was restarted; on the host: journalctl -u unidesk-agent")
		return
	}
	r.Agent = &agent
}
