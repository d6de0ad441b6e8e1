package metrics

import (
	"bytes"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Family is all samples of a metric.
type Family struct {
	Name string `json:"name"`
	Help string `json:"help"`
	// Type is counter or gauge.
	Type    string   `json:"type"`
	Samples []Sample `json:"samples"`
}

// Sample is a value and what it is of.
type Sample struct {
	Labels map[string]string `json:"labels"`
	Value  float64           `json:"value"`
}

// gathered returns the facts as Prometheus's library has them, sorted.
func (f Facts) gathered() ([]*dto.MetricFamily, error) {
	registry := prometheus.NewPedanticRegistry() // it compares each sample with its description
	if err := registry.Register(newCollector(f)); err != nil {
		return nil, fault.New(fault.Internal, "describe the metrics: %w", err)
	}
	families, err := registry.Gather()
	if err != nil {
		return nil, fault.New(fault.Internal, "gather the metrics: %w", err)
	}
	return families, nil
}

// Text returns the facts in Prometheus's text format. INTERNAL if a fact has no form there.
func (f Facts) Text() ([]byte, error) {
	families, err := f.gathered()
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(&text, family); err != nil {
			return nil, fault.New(fault.Internal, "write the metrics: %w", err)
		}
	}
	return text.Bytes(), nil
}

// Families returns the facts as values, sorted by name. INTERNAL as [Facts.Text] has it.
func (f Facts) Families() ([]Family, error) {
	families, err := f.gathered()
	list := make([]Family, 0, len(families))
	for _, of := range families {
		family := Family{Name: of.GetName(), Help: of.GetHelp(), Type: strings.ToLower(of.GetType().String())}
		for _, m := range of.GetMetric() {
			s := Sample{Labels: map[string]string{}, Value: m.GetGauge().GetValue() + m.GetCounter().GetValue()}
			for _, label := range m.GetLabel() {
				s.Labels[label.GetName()] = label.GetValue()
			}
			family.Samples = append(family.Samples, s)
		}
		list = append(list, family)
	}
	return list, err
}
