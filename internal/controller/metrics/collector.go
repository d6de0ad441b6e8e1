package metrics

import "github.com/prometheus/client_golang/prometheus"

// collector shows facts to a registry of Prometheus's library.
type collector struct {
	facts Facts
	known map[string]described
}

// described is a metric of the table with its description.
type described struct {
	metric
	desc *prometheus.Desc
}

func newCollector(f Facts) *collector {
	c := &collector{f, map[string]described{}}
	for _, m := range table() {
		c.known[m.name] = described{m, prometheus.NewDesc(m.name, m.help, m.labels, nil)}
	}
	return c
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range c.known {
		descs <- d.desc
	}
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(samples chan<- prometheus.Metric) {
	c.facts.each(func(name string, value float64, labels ...string) {
		d := c.known[name]
		sample, err := prometheus.NewConstMetric(d.desc, d.kind, value, labels...)
		if err != nil { // of a label's value
			sample = prometheus.NewInvalidMetric(d.desc, err)
		}
		samples <- sample
	})
}
