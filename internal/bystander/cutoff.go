package bystander

import (
	"slices"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// cutOff returns what a container has lost: namespaces of a container of the target that
// was there before and is gone. "" if it has lost nothing. Volumes stay.
func cutOff(c workload.Neighbour, before []workload.Neighbour, now map[string]workload.Neighbour, target workload.Ref) string {
	var lost []string
	for _, s := range c.Shares {
		gone := slices.ContainsFunc(before, func(b workload.Neighbour) bool {
			_, stays := now[b.ID]
			return b.Of(target) && !stays && (s.With == b.ID || s.With == b.Name)
		})
		if gone && s.What != "volumes" && !c.Of(target) {
			lost = append(lost, s.What)
		}
	}
	if len(lost) == 0 {
		return ""
	}
	return "its " + strings.Join(lost, ", its ")
}

// repair returns the command that gives a container what it shares anew.
func repair(c workload.Neighbour) string {
	if c.Group == "" {
		return "make the container " + c.Name + " again: no restart gives it what it has lost"
	}
	return "in the folder of project " + c.Scope + ": " + plain.Command("docker", "compose", "-p", c.Scope, "up", "-d", "--no-deps", "--force-recreate", c.Group)
}

// Sharing returns sentences about the containers that share something with the target's,
// by the look before a deploy: those that a recreate cuts off, and those that share a
// volume with it.
func Sharing(all []workload.Neighbour, target workload.Ref) (cut, volumes []string) {
	for _, c := range all {
		if c.Of(target) {
			continue
		}
		var what, data []string
		for _, t := range all {
			if !t.Of(target) {
				continue
			}
			for _, s := range c.Shares {
				if s.With != t.ID && s.With != t.Name {
					continue
				}
				if s.What == "volumes" {
					data = append(data, "its volumes")
				} else {
					what = append(what, "its "+s.What)
				}
			}
			for _, v := range c.Volumes {
				if slices.Contains(t.Volumes, v) && !slices.Contains(data, "its volumes") {
					data = append(data, "volume "+workload.Mount{Source: v}.Short())
				}
			}
		}
		if len(what) > 0 {
			cut = append(cut, c.Name+" shares "+strings.Join(what, " and "))
		}
		if len(data) > 0 {
			volumes = append(volumes, c.Name+" shares "+strings.Join(data, " and "))
		}
	}
	slices.Sort(cut)
	slices.Sort(volumes)
	return cut, volumes
}
