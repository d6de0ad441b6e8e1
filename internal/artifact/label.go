package artifact

// The labels that describe an image (OCI image specification, annotations; the service
// id has no standard name).
const (
	LabelRevision = "org.opencontainers.image.revision"
	LabelSource   = "org.opencontainers.image.source"
	LabelService  = "unidesk.service"
)
