//go:build integration

package kube_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/kube"
	"github.com/pikasTech/unidesk-artifact-cd/internal/k3s/rights"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func TestTheAccountIsMeasuredAgainstWhatItNeeds(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	spec := placed(t, ns, "web")
	spec.Kubernetes.Sync = &configSync
	c := agent(t, spec)
	needed := rights.Needed(spec)
	a, err := c.Access(t.Context(), needed)
	if err != nil || a.Account != "system:serviceaccount:"+ns+":agent" || len(a.Missing) != 0 || len(a.Excess) != 0 || a.Incomplete {
		t.Errorf("with what is needed: %+v, %v", a, err)
	}
	for _, r := range needed {
		if r.Name == "" && (r.Reason() == "" || r.Reason() == "it has no name") {
			t.Errorf("%s has no reason", r)
		}
	}
	more := placed(t, ns, "web", "worker")
	more.Kubernetes.Sync = &configSync
	if a, err := c.Access(t.Context(), rights.Needed(more)); err != nil || !slices.Contains(texts(a.Missing), "patch deployments.apps "+ns+"/worker") || len(a.Missing) != 4 {
		t.Errorf("with too few: %v, %v", texts(a.Missing), err)
	}
	less := placed(t, ns, "web")
	if a, err := c.Access(t.Context(), rights.Needed(less)); err != nil || !slices.Contains(texts(a.Excess), "get secrets "+ns+"/auth") || len(a.Excess) != 4 {
		t.Errorf("with too many: %v, %v", texts(a.Excess), err)
	}
	// All rights of the cluster, by a binding to the account.
	create(t, "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", object{
		"metadata": object{"name": ns}, "roleRef": object{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
		"subjects": []object{{"kind": "ServiceAccount", "name": "agent", "namespace": ns}},
	})
	until(t, "the administrator's rights are seen", func() bool {
		a, err := c.Access(t.Context(), needed)
		all := texts(a.Excess)
		return err == nil && slices.Contains(all, "* *.*") && slices.Contains(all, "list secrets") && slices.Contains(all, "create pods/exec in "+ns)
	})
}

func texts(needed []rights.Right) (all []string) {
	for _, r := range needed {
		all = append(all, r.String())
	}
	return all
}

func TestAMissingRightIsNamed(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	spec := placed(t, ns, "web")
	create(t, deploymentsAt(ns), manifest("web", nil))
	reduced := slices.DeleteFunc(rights.Needed(spec), func(r rights.Right) bool { return r.Verb == "patch" })
	c := connect(t, server.URL, authority(t), account(t, ns, reduced))
	_, err := c.Stamp(t.Context(), settled(t, c, spec), stampOf("c1"))
	if fault.ReasonOf(err) != fault.RoleMissing || !strings.Contains(err.Error(), "patch deployments.apps "+ns+"/web") || fault.HintOf(err) == "" {
		t.Errorf("the patch: %v", err)
	}
	if _, err := c.Neighbours(t.Context(), "kube-system"); fault.ReasonOf(err) != fault.RoleMissing || !strings.Contains(err.Error(), "list pods in kube-system") {
		t.Errorf("another namespace: %v", err)
	}
}

func TestTheTokenIsRenewedFromHalfItsLifeOn(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	spec := placed(t, ns, "web")
	folder := t.TempDir()
	config := kube.Config{Server: server.URL, CAFile: filepath.Join(folder, "ca"), TokenFile: filepath.Join(folder, "token")}
	write := func(path, content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(config.CAFile, string(authority(t)))
	write(config.TokenFile, account(t, ns, rights.Needed(spec)))
	c, err := kube.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	first, ok, err := c.Token()
	if err != nil || !ok || first.Namespace != ns || first.Account != "agent" || first.Expires.Sub(first.Issued) != 10*time.Minute {
		t.Fatalf("the token is %+v, %v", first, err)
	}
	if renewed, err := c.RenewToken(t.Context(), first.Issued.Add(5*time.Minute-time.Second)); err != nil || renewed {
		t.Errorf("before half of its life: %v, %v", renewed, err)
	}
	old, err := os.ReadFile(config.TokenFile)
	if err != nil {
		t.Fatal(err)
	}
	if renewed, err := c.RenewToken(t.Context(), first.Issued.Add(5*time.Minute)); err != nil || !renewed {
		t.Fatalf("after half of its life: %v, %v", renewed, err)
	}
	second, _, err := c.Token()
	if err != nil || second.Expires.Sub(second.Issued) != 24*time.Hour || second.Account != "agent" {
		t.Errorf("the renewed token is %+v, %v", second, err)
	}
	info, err := os.Stat(config.TokenFile)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info.Mode(), err)
	}
	if _, err := c.Neighbours(t.Context(), ns); err != nil {
		t.Errorf("with the renewed token: %v", err)
	}
	// A token that another program writes is used, good or bad.
	write(config.TokenFile, jwt(time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)))
	if _, err := c.Neighbours(t.Context(), ns); fault.ReasonOf(err) != fault.RoleMissing || !strings.Contains(fault.HintOf(err), rights.TokenLine(config.TokenFile)) {
		t.Errorf("with a token that has ended: %v", err)
	}
	write(config.TokenFile, string(old))
	if _, err := c.Neighbours(t.Context(), ns); err != nil {
		t.Errorf("with the first token again: %v", err)
	}
	deleteHook(t, "/api/v1/namespaces/"+ns+"/serviceaccounts/agent")
	until(t, "the account is gone", func() bool {
		_, err := c.Neighbours(t.Context(), ns)
		return fault.ReasonOf(err) == fault.RoleMissing
	})
	if err := os.Chmod(config.TokenFile, 0o644); err != nil {
		t.Fatal(err)
	}
	write(config.TokenFile, string(old)+"\n")
	if _, err := c.Neighbours(t.Context(), ns); fault.ReasonOf(err) != fault.ConfigInvalid || !strings.Contains(fault.HintOf(err), "chmod 600") {
		t.Errorf("with a token that others may read: %v", err)
	}
}

func TestAKubeconfigIsTaken(t *testing.T) {
	t.Parallel()
	c, err := kube.New(kube.Config{Kubeconfig: server.Kubeconfig})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if _, ok, err := c.Token(); ok || err != nil {
		t.Errorf("a token: %v, %v", ok, err)
	}
	a, err := c.Access(t.Context(), nil)
	if err != nil || a.Account != "system:admin" || !slices.Contains(texts(a.Excess), "* *.*") {
		t.Errorf("%+v, %v", a, err)
	}
}

var configSync = workload.ConfigSync{Secret: "auth", ConfigMap: "settings", Credentials: []string{"password", "key"}, Settings: []string{"user", "url"}}

func values(of map[string]string) kube.Placed { return kube.Placed{Values: workload.NewValues(of)} }

func TestConfigurationIsWrittenByKeyAndPutBack(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	spec := placed(t, ns, "web")
	spec.Kubernetes.Sync = &configSync
	c := agent(t, spec)
	at := "/api/v1/namespaces/" + ns
	if none, err := c.Configuration(t.Context(), ns, configSync); err != nil || none.Credentials.Version != "" || none.Settings.Version != "" {
		t.Errorf("without the objects: %+v, %v", none, err)
	}
	create(t, at+"/secrets", object{"metadata": object{"name": "auth"}, "stringData": object{"password": "old-password", "other": "stays"}})
	if one, err := c.Configuration(t.Context(), ns, configSync); err != nil || one.Credentials.Version == "" || one.Settings.Version != "" {
		t.Errorf("without the ConfigMap: %+v, %v", one, err)
	}
	create(t, at+"/configmaps", object{"metadata": object{"name": "settings"}})
	before, err := c.Configuration(t.Context(), ns, configSync)
	if err != nil || before.Credentials.Len() != 1 || before.Settings.Len() != 0 {
		t.Fatalf("before: %+v, %v", before, err)
	}
	data := func() (any, any) {
		return get(t, at+"/secrets/auth")["data"], get(t, at+"/configmaps/settings")["data"]
	}
	secret0, map0 := data()
	to := kube.Configuration{
		Credentials: values(map[string]string{"password": "new-password", "key": "ключ\n", "unplaced": "goes nowhere"}),
		Settings:    values(map[string]string{"user": "desk", "url": "https://x/?a=<b>&c"}),
	}
	after, err := c.SetConfiguration(t.Context(), ns, configSync, before, to)
	if err != nil {
		t.Fatal(err)
	}
	secret1, map1 := data()
	if fmt.Sprint(secret1) != "map[key:0LrQu9GO0YcK other:c3RheXM= password:bmV3LXBhc3N3b3Jk]" || fmt.Sprint(map1) != "map[url:https://x/?a=<b>&c user:desk]" {
		t.Errorf("written: %v, %v", secret1, map1)
	}
	if same, err := c.SetConfiguration(t.Context(), ns, configSync, after, to); err != nil || same.Credentials.Version != after.Credentials.Version || same.Settings.Version != after.Settings.Version {
		t.Errorf("written twice: %+v, %v", same, err)
	}
	_, err = c.SetConfiguration(t.Context(), ns, configSync, before, to)
	if fault.ReasonOf(err) != fault.Stale {
		t.Errorf("for another version: %v", err)
	}
	if _, err := c.SetConfiguration(t.Context(), ns, configSync, after, before); err != nil {
		t.Fatal(err)
	}
	if secret2, map2 := data(); fmt.Sprint(secret2) != fmt.Sprint(secret0) || map2 != nil && len(map2.(object)) != 0 {
		t.Errorf("put back: %v, %v; before %v, %v", secret2, map2, secret0, map0)
	}
}

// synced makes the empty objects of a config sync in a namespace of their own, which is at
// a path of the API.
func synced(t *testing.T) (ns string, spec workload.Spec, at string) {
	t.Helper()
	ns = namespace(t)
	spec = placed(t, ns, "web")
	spec.Kubernetes.Sync = &configSync
	at = "/api/v1/namespaces/" + ns
	create(t, at+"/secrets", object{"metadata": object{"name": "auth"}})
	create(t, at+"/configmaps", object{"metadata": object{"name": "settings"}})
	return ns, spec, at
}

func TestNoValueIsInAnError(t *testing.T) {
	t.Parallel()
	ns, spec, at := synced(t)
	hook(t, ns, "validating", "secrets,configmaps", "UPDATE", func(object) object {
		return object{"allowed": false, "status": object{"message": "hunter2 is too short"}}
	})
	until(t, "the webhook is asked", func() bool {
		return call(t, http.MethodPatch, at+"/configmaps/settings", object{"metadata": object{"labels": object{"x": "y"}}}, &object{}) >= 300 &&
			call(t, http.MethodPatch, at+"/secrets/auth", object{"metadata": object{"labels": object{"x": "y"}}}, &object{}) >= 300
	})
	lost := broken(t, spec, func(r *http.Request) bool { return r.Method == http.MethodPatch })
	lost.Pace(time.Second, time.Second, time.Second)
	c := connect(t, server.URL, authority(t), tokenOf(t, ns))
	for name, c := range map[string]*kube.Cluster{"refused": c, "lost": lost} {
		before, err := c.Configuration(t.Context(), ns, configSync)
		if err != nil {
			t.Fatal(err)
		}
		for _, to := range []kube.Configuration{
			{Credentials: values(map[string]string{"password": "hunter2"})},
			{Settings: values(map[string]string{"user": "hunter2"})},
		} {
			_, err := c.SetConfiguration(t.Context(), ns, configSync, before, to)
			if err == nil || strings.Contains(err.Error()+fault.HintOf(err), "hunter2") || strings.Contains(fmt.Sprintf("%+v", to), "hunter2") {
				t.Errorf("%s: %v", name, err)
			}
			if want := map[string]fault.Reason{"refused": fault.RolloutFailed, "lost": fault.KubernetesUnavailable}[name]; fault.ReasonOf(err) != want {
				t.Errorf("%s: %s: %v", name, fault.ReasonOf(err), err)
			}
		}
	}
}

func TestALostReplyToASyncIsReadBack(t *testing.T) {
	t.Parallel()
	ns, spec, _ := synced(t)
	patches := 0
	c := broken(t, spec, func(r *http.Request) bool {
		if r.Method == http.MethodPatch {
			patches++
		}
		return r.Method == http.MethodPatch
	})
	before, err := c.Configuration(t.Context(), ns, configSync)
	if err != nil {
		t.Fatal(err)
	}
	to := kube.Configuration{Credentials: values(map[string]string{"password": "p"}), Settings: values(map[string]string{"user": "u"})}
	after, err := c.SetConfiguration(t.Context(), ns, configSync, before, to)
	if err != nil || patches != 2 || after.Credentials.Len() != 1 || after.Settings.Len() != 1 {
		t.Errorf("%d patches, %+v, %v", patches, after, err)
	}
}

// Serial: the tests that share the server wait.
func TestAStoppedAPIServerIsUnavailable(t *testing.T) {
	_, spec, c := deployed(t, nil)
	d := settled(t, c, spec)
	if err := server.StopAPI(); err != nil {
		t.Log(err) // killed: it waits long for watches of the controllers
	}
	_, err := c.Deployments(t.Context(), spec)
	_, patch := c.Stamp(t.Context(), d, stampOf("c1"))
	_, version := c.Version(t.Context())
	for _, err := range []error{err, patch, version} {
		if fault.ReasonOf(err) != fault.KubernetesUnavailable || !fault.Retryable(err) {
			t.Errorf("the error is %v", err)
		}
	}
	if err := server.StartAPI(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now := look(t, c, spec); now.Change != "" {
		t.Errorf("it bears %q", now.Change)
	}
}
