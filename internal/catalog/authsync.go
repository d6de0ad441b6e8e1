package catalog

import (
	"fmt"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// AuthSync names what the auth object of the master's config.json becomes in a
// Kubernetes namespace.
type AuthSync struct {
	// Credentials are the keys whose values go to the Secret, Settings those whose
	// values go to the ConfigMap. A key that neither names goes nowhere.
	Credentials []string
	Settings    []string
	Secret      string
	ConfigMap   string `yaml:"configMap"`
}

// authSync reads what of config.json a rollout needs, if anything.
func authSync(in *AuthSync, at place) *AuthSync {
	if in == nil {
		return nil
	}
	at.in("secret").check(workload.KubernetesName.Match(in.Secret), "%q is not a Secret's name", in.Secret)
	at.in("configMap").check(workload.KubernetesName.Match(in.ConfigMap), "%q is not a ConfigMap's name", in.ConfigMap)
	at.in("credentials").check(len(in.Credentials) > 0, "none: the keys that are for the Secret alone must be named")
	seen := map[string]bool{}
	for _, list := range []struct {
		name string
		keys []string
	}{{"credentials", in.Credentials}, {"settings", in.Settings}} {
		for _, key := range list.keys {
			at.in(list.name).check(workload.DataKey.Match(key), "%q is not a %s: %s", key, workload.DataKey, workload.DataKey.Want())
			at.in(list.name).check(!seen[key], "%q is there twice", key)
			seen[key] = true
		}
	}
	out := *in
	return &out
}

// names are the objects that it writes.
func (a AuthSync) names(namespace, host string) []string {
	return []string{
		fmt.Sprintf("secret %s/%s on %s", namespace, a.Secret, host),
		fmt.Sprintf("configmap %s/%s on %s", namespace, a.ConfigMap, host),
	}
}
