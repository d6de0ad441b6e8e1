package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

func (d *demo) contract(ctx context.Context) (string, error) {
	crossed := d.odometer()
	o, err := d.run(ctx, deploy(d.releases.all[first].commit, "--dry-run")...)
	if err := errors.Join(err, o.exits(0), d.nothingRuns(ctx)); err != nil {
		return "", err
	}
	if n := crossed(); n != 0 {
		return "", fmt.Errorf("%d bytes came over the line", n)
	}
	return "exit 0; no byte came over the line, nothing runs", nil
}

func (d *demo) plan(ctx context.Context) (string, error) {
	crossed := d.odometer()
	o, err := d.run(ctx, deploy(d.releases.all[first].commit)...)
	if err := errors.Join(err, o.exits(0), d.nothingRuns(ctx)); err != nil {
		return "", err
	}
	if n := crossed(); n == 0 || n > sshOverhead(0) {
		return "", fmt.Errorf("%d bytes came over the line for a plan", n)
	}
	return fmt.Sprintf("exit 0; %s of facts came over the line, nothing runs", size(crossed())), nil
}

// goesLive deploys a release and looks whether it runs.
func (d *demo) goesLive(ctx context.Context, r *release) (outcome, error) {
	o, err := d.run(ctx, deploy(r.commit, "--run-now")...)
	if err := errors.Join(err, o.exits(0)); err != nil {
		return o, err
	}
	return o, d.lives(ctx, r.commit)
}

func (d *demo) firstDeploy(ctx context.Context) (string, error) {
	r := d.releases.all[first]
	crossed := d.odometer()
	if _, err := d.goesLive(ctx, r); err != nil {
		return "", err
	}
	if n := crossed(); n < r.bytes || n > r.bytes+sshOverhead(r.bytes) {
		return "", fmt.Errorf("%s came over the line for an image of %s", size(n), size(r.bytes))
	}
	return fmt.Sprintf("label and /health say %s; %s came over the line", short(r.commit), size(crossed())), nil
}

func (d *demo) secondDeploy(ctx context.Context) (string, error) {
	r := d.releases.all[second]
	crossed := d.odometer()
	o, err := d.goesLive(ctx, r)
	if err != nil {
		return "", err
	}
	n := crossed()
	if n > r.bytes/4 {
		return "", fmt.Errorf("%s came over the line for a change in the top of an image of %s", size(n), size(r.bytes))
	}
	d.rollback = o.follows("rollback")
	return fmt.Sprintf("label and /health say %s; %s came for an image of %s", short(r.commit), size(n), size(r.bytes)), nil
}

func (d *demo) again(ctx context.Context) (string, error) {
	before, err := d.container(ctx)
	if err != nil {
		return "", err
	}
	crossed := d.odometer()
	o, err := d.do(ctx, call{args: append(deploy(d.releases.all[second].commit, "--run-now"), "-o", "json"), head: 5})
	if err := errors.Join(err, o.exits(0)); err != nil {
		return "", err
	}
	var result struct {
		Decision string
		Changed  bool
	}
	if err := json.Unmarshal([]byte(o.out), &result); err != nil {
		return "", fmt.Errorf("read the result: %w", err)
	}
	if result.Changed || result.Decision != "unchanged" {
		return "", fmt.Errorf("the result says %+v", result)
	}
	after, err := d.container(ctx)
	if err != nil {
		return "", err
	}
	if after != before {
		return "", fmt.Errorf("the container is %s, was %s", after, before)
	}
	if n := crossed(); n > sshOverhead(0) {
		return "", fmt.Errorf("%s came over the line", size(n))
	}
	return "the very same container, not even restarted", nil
}

func (d *demo) back(ctx context.Context) (string, error) {
	args, ok := strings.CutPrefix(d.rollback, "unidesk-controller ")
	if !ok {
		return "", fmt.Errorf("scene 4 named no command to go back: %q", d.rollback)
	}
	crossed := d.odometer()
	o, err := d.run(ctx, strings.Fields(args)...)
	if err := errors.Join(err, o.exits(0)); err != nil {
		return "", err
	}
	if n := crossed(); n > sshOverhead(0) {
		return "", fmt.Errorf("%s came over the line", size(n))
	}
	live := d.releases.all[first].commit
	return fmt.Sprintf("label and /health say %s; no layer came over the line", short(live)), d.lives(ctx, live)
}

func (d *demo) history(ctx context.Context) (string, error) {
	o, err := d.run(ctx, "history")
	if err := errors.Join(err, o.exits(0)); err != nil {
		return "", err
	}
	var words []string
	for _, r := range []int{first, second, broken} {
		words = append(words, short(d.releases.all[r].commit))
	}
	return "every deploy has its receipt", o.says(words...)
}
