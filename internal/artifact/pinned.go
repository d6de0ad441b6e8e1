package artifact

// Pinned names an image by digests: all that a host needs to pull it, to know it
// again and to judge its disk. Nothing in it can come to mean another image.
type Pinned struct {
	Repository Repository `json:"repository"`
	Commit     Commit     `json:"commit"`
	// Index is the digest under the commit's tag if that is an index, else zero.
	Index Digest `json:"index,omitzero"`
	// Manifest is the image's id in containerd's store, Config its id in the classic
	// Docker store.
	Manifest Digest `json:"manifest"`
	Config   Digest `json:"config"`
	// Bytes is the sum of the layers as the registry stores them; 0 if it is not known.
	Bytes int64 `json:"bytes,omitzero"`
}
