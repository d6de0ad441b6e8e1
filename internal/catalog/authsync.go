package catalog

import (
	"fmt"
	"regexp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

// AuthSync names what the auth object of the master's config.json becomes in a
// Kubernetes namespace.
type AuthSync struct {
	// Credentials are the keys whose values go to the Secret; every other one's goes
	// to the ConfigMap.
	Credentials []string
	Secret      string
	ConfigMap   string `yaml:"configMap"`
}

var dataKeyForm = regexp.MustCompile(`^[A-Za-z0-9._-]+$`) // of a Secret's data

// authSync reads what of config.json a rollout needs, if anything.
func authSync(in *AuthSync, at place) *AuthSync {
	if in == nil {
		return nil
	}
	at.in("secret").check(workload.KubernetesName.Match(in.Secret), "%q is not a Secret's name", in.Secret)
	at.in("configMap").check(workload.KubernetesName.Match(in.ConfigMap), "%q is not a ConfigMap's name", in.ConfigMap)
	at.in("credentials").check(len(in.Credentials) > 0, "none: the keys that are for the Secret alone must be named")
	for _, key := range in.Credentials {
		at.in("credentials").check(dataKeyForm.MatchString(key), "%q is not a key of a Secret", key)
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
