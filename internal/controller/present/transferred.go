package present

import (
	"fmt"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// crossed is how many bytes came for an image.
func crossed(r contract.Result) string {
	if host := besideTheRegistry(r.Contract); host != "" {
		return fmt.Sprintf("%s of control messages; the image of %s stayed on %s", plain.Size(r.Bytes.Received+r.Bytes.Sent), plain.Size(r.Bytes.Image), host)
	}
	return fmt.Sprintf("%s of an image of %s (%s needed)", plain.Size(r.Bytes.Received), plain.Size(r.Bytes.Image), plain.Size(r.Bytes.Needed))
}

// layers writes how the layers of an image came to the master's engine.
func (p *printer) layers(r contract.Result) {
	account := r.Transfer
	if account == nil && r.Receipt != nil {
		account = r.Receipt.Transfer
	}
	if account == nil {
		return
	}
	ways := map[workload.Way]int{}
	for _, move := range account.Layers {
		ways[move.Way]++
	}
	var words []string
	for _, part := range []struct {
		way  workload.Way
		what string
	}{
		{workload.WayPresent, "in the engine"},
		{workload.WayKept, "kept from before"},
		{workload.WayWhole, "whole"},
		{workload.WayDelta, "as a delta"},
	} {
		if n := ways[part.way]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, part.what))
		}
	}
	if saved := account.Whole - account.Wire; saved > 0 {
		words = append(words, plain.Size(saved)+" less by deltas")
	}
	p.Field("layers", "%s", strings.Join(words, ", "))
}
