package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/lab/hosts"
)

// RegistryAddr is where D601's registry answers.
const RegistryAddr = "127.0.0.1:5000"

// Registry is the unit of the registry that [StartRegistry] starts.
const Registry = "lab-registry.service"

// StartRegistry runs the registry program on a host, for tests in which the product does not install it. What it stores does not outlive
// the host.
func StartRegistry(ctx context.Context, host *hosts.Host, program string) error {
	const dir = "/var/lib/lab-registry"
	config := fmt.Sprintf("version: 0.1\nlog: {level: warn, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: %s/storage}}\nhttp: {addr: %q}\n", dir, RegistryAddr)
	if err := host.CopyIn(ctx, program, dir+"/registry", 0o755); err != nil {
		return err
	}
	if err := host.WriteFile(ctx, dir+"/config.yml", []byte(config), 0o600); err != nil {
		return err
	}
	if _, err := host.Output(ctx, "systemd-run", "--unit="+Registry, dir+"/registry", "serve", dir+"/config.yml"); err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DialContext: host.Dial, DisableKeepAlives: true}}
	return until(ctx, func() error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+RegistryAddr+"/v2/", nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		return response.Body.Close()
	})
}

// until asks again and again; it ends with ctx, or after upTime.
func until(ctx context.Context, ask func() error) error {
	ctx, cancel := context.WithTimeout(ctx, upTime)
	defer cancel()
	for {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}
