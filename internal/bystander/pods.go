package bystander

import (
	"slices"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// Pods returns the pods of two looks that can show a disturbance. A pod that no
// Deployment made comes and goes as it likes. A Deployment that keeps a pod and loses
// or gets others was scaled; if a Deployment keeps none, a single pod stands for all.
func Pods(before, after []workload.Neighbour) (b, a []workload.Neighbour) {
	kept := map[[2]string]bool{}
	for _, one := range before {
		if slices.ContainsFunc(after, func(o workload.Neighbour) bool { return o.ID == one.ID }) {
			kept[[2]string{one.Scope, one.Group}] = true
		}
	}
	choose := func(pods, others []workload.Neighbour) (chosen []workload.Neighbour) {
		stands := map[[2]string]bool{}
		for _, one := range pods {
			group := [2]string{one.Scope, one.Group}
			both := slices.ContainsFunc(others, func(o workload.Neighbour) bool { return o.ID == one.ID })
			if one.Group == "" || kept[group] && !both || !kept[group] && stands[group] {
				continue
			}
			stands[group] = true
			chosen = append(chosen, one)
		}
		return chosen
	}
	return choose(before, after), choose(after, before)
}
