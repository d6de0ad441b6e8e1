package engine

// Pulled is how far an engine is with a pull: bytes, compressed, of the layers that it has
// begun to fetch. It names a layer when it begins with it, so Total grows.
type Pulled struct{ Fetched, Unpacked, Total int64 }

// pullCount has what an engine reported of each layer of a pull, by the layer's id.
type pullCount map[string]Pulled

// add notes a line of the answer, and reports whether it changes the sum.
func (c pullCount) add(l line) bool {
	was := c[l.ID]
	is, now, of := was, l.ProgressDetail.Current, max(l.ProgressDetail.Total, was.Total)
	if l.ID == "" || of <= 0 || l.Status == layerUnpacked && l.ProgressDetail.Total == 0 { // containerd's store counts seconds there
		return false
	}
	switch l.Status {
	case layerFetched:
		is.Fetched, is.Total = min(max(now, was.Fetched), of), of
	case layerWhole:
		is.Fetched = of
	case layerUnpacked:
		is = Pulled{Fetched: of, Unpacked: min(max(now, was.Unpacked), of), Total: of}
	case layerDone:
		is = Pulled{of, of, of}
	}
	c[l.ID] = is
	return is != was
}

func (c pullCount) sum() (all Pulled) {
	for _, p := range c {
		all.Fetched += p.Fetched
		all.Unpacked += p.Unpacked
		all.Total += p.Total
	}
	return all
}
