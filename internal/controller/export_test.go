package controller

// RegistryResults are what the registry's commands answer, for the test that the
// page on output names each key.
func RegistryResults() []any {
	return []any{registryResult{}, registryPlan{}, dependencies{}, planned{}, registryRendered{}, renderedFile{}, registryDryRun{}}
}
