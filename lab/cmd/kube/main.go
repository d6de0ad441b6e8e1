// Command kube brings the lab's two hosts up with Kubernetes on D601, deploys the sample's Kubernetes services there, prints how to look
// at them and keeps all of it until it is interrupted. It needs root.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
	"github.com/pikasTech/unidesk-artifact-cd/lab"
	"github.com/pikasTech/unidesk-artifact-cd/lab/hosts"
	"github.com/pikasTech/unidesk-artifact-cd/lab/kube"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := keep(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
}

// keep holds the hosts until ctx ends.
func keep(ctx context.Context) (err error) {
	two, err := hosts.Up(ctx, hosts.Config{Log: os.Stderr})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, two.Close()) }()
	k, err := kube.Up(ctx, two.D601, kube.Config{Log: os.Stderr})
	if err != nil {
		return err
	}
	if err := deploy(ctx, k); err != nil {
		return err
	}
	enter := fmt.Sprintf("nsenter --target %d --all --", two.D601.PID())
	fmt.Fprintf(os.Stdout, `D601        %[1]s bash
objects     %[1]s kubectl get deployments,services,pods --all-namespaces
images      %[1]s crictl images
units       %[1]s systemctl list-units 'kube*'
health      %[1]s kubectl get --raw /api/v1/namespaces/unidesk/services/http:decision-center:8080/proxy/health
Interrupt it to take all of it away.
`, enter)
	<-ctx.Done()
	return nil
}

// deploy builds the first commit of each service on D601, and makes its Deployments.
func deploy(ctx context.Context, k *kube.Cluster) error {
	tools, err := lab.ToolsDir()
	if err != nil {
		return err
	}
	if err := kube.StartRegistry(ctx, k.Host, filepath.Join(tools, "registry")); err != nil {
		return err
	}
	papers, err := os.MkdirTemp("", "unidesk-kube-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(papers) }()
	ci, err := lab.NewCI(ctx, papers, lab.Elsewhere{Exec: k.Host.Exec, Dial: k.Host.Dial, Registry: kube.RegistryAddr})
	if err != nil {
		return err
	}
	services, err := catalog.Parse(catalog.BuiltinFile())
	if err != nil {
		return err
	}
	for _, id := range services.Services() {
		row, err := services.Row(id.String())
		if err != nil {
			return err
		}
		for _, env := range artifact.Envs() {
			spec := row.Spec(env, "")
			if spec.Kubernetes == nil {
				continue
			}
			began := time.Now()
			if err := publish(ctx, k, ci, spec); err != nil {
				return err
			}
			fmt.Fprintf(os.Stderr, "lab: %s runs, after %s\n", spec.Ref, time.Since(began).Round(100*time.Millisecond))
		}
	}
	return nil
}

func publish(ctx context.Context, k *kube.Cluster, ci *lab.CI, spec workload.Spec) error {
	service := spec.Ref.Name()
	source := ci.Source(service)
	if source == nil {
		return fmt.Errorf("the sample has no service %q", service)
	}
	commit, err := source.Head(ctx)
	if err != nil {
		return err
	}
	version, err := ci.Publish(ctx, service, commit)
	if err != nil {
		return err
	}
	return k.Deploy(ctx, spec, version)
}
