package metrics

import "github.com/prometheus/client_golang/prometheus"

// The names. docs/output.md describes each.
const (
	buildInfo    = "unidesk_build_info"
	collectedAt  = "unidesk_collected_timestamp_seconds"
	readable     = "unidesk_source_readable"
	liveInfo     = "unidesk_live_info"
	lastDeploy   = "unidesk_last_deploy_timestamp_seconds"
	deploys      = "unidesk_deploys_total"
	deploySteps  = "unidesk_deploy_seconds"
	deployDown   = "unidesk_deploy_down_seconds"
	wireBytes    = "unidesk_transfer_bytes_total"
	savedBytes   = "unidesk_transfer_saved_bytes_total"
	attempts     = "unidesk_attempts_total"
	unsettled    = "unidesk_unsettled"
	deadline     = "unidesk_unsettled_deadline_timestamp_seconds"
	leftovers    = "unidesk_leftovers"
	folderBytes  = "unidesk_state_bytes"
	folderQuotas = "unidesk_state_quota_bytes"
)

// metric describes the samples of a name.
type metric struct {
	name, help string
	kind       prometheus.ValueType
	labels     []string
}

// table has each metric that the collector shows.
func table() []metric {
	const gauge, counter = prometheus.GaugeValue, prometheus.CounterValue
	place := []string{"service", "env"}
	with := func(more ...string) []string { return append([]string{"service", "env"}, more...) }
	return []metric{
		{buildInfo, "The build of the controller that wrote this; always 1.", gauge, []string{"version", "commit", "goversion"}},
		{collectedAt, "When the facts were read.", gauge, nil},
		{readable, "Whether all of a source could be read. What could not be read is left out.", gauge, []string{"source"}},
		{liveInfo, "The commit that was kept last, and how it stands by the books of the master; always 1.", gauge, with("commit", "state")},
		{lastDeploy, "When the last deploy with this outcome ended, by the receipts.", gauge, with("outcome")},
		{deploys, "Deploys that changed something, by the receipts.", counter, with("outcome")},
		{deploySteps, "How long the newest deploy took to this point from the point before.", gauge, with("point")},
		{deployDown, "How long the service did not answer during its newest deploy.", gauge, place},
		{wireBytes, "Bytes of layers that were transferred to the master, by the receipts.", counter, place},
		{savedBytes, "Bytes of layers that were not transferred because they were made of layers that the master keeps.", counter, place},
		{attempts, "Runs that have ended, also those that a gate, a check or the lock refused.", counter, with("outcome")},
		{unsettled, "Changes on the master that are not confirmed.", gauge, nil},
		{deadline, "When a change that is not confirmed is reverted.", gauge, with("commit", "change")},
		{leftovers, "What killed runs may have left, as each command notes it.", gauge, nil},
		{folderBytes, "Bytes of the files in a folder of the state.", gauge, []string{"kind"}},
		{folderQuotas, "Most bytes that a folder of the state may have.", gauge, []string{"kind"}},
	}
}

// Names returns the name of each metric that is shown.
func Names() (names []string) {
	for _, m := range table() {
		names = append(names, m.name)
	}
	return names
}
