package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

func (d *demo) refusal(ctx context.Context) (string, error) {
	crossed := d.odometer()
	o, err := d.do(ctx, call{args: deploy("latest", "--run-now"), listen: true})
	if err := errors.Join(err, o.exits(2)); err != nil {
		return "", err
	}
	if n := crossed(); n != 0 {
		return "", fmt.Errorf("%d bytes came over the line", n)
	}
	live := d.releases.all[second].commit
	return fmt.Sprintf("exit 2; %s is live as before", short(live)), d.lives(ctx, live)
}

func (d *demo) brokenCommit(ctx context.Context) (string, error) {
	o, err := d.run(ctx, deploy(d.releases.all[broken].commit, "--run-now")...)
	if err := errors.Join(err, o.exits(1)); err != nil {
		return "", err
	}
	live := d.releases.all[second].commit
	return fmt.Sprintf("exit 1; label and /health say %s again", short(live)), d.lives(ctx, live)
}

func (d *demo) killed(ctx context.Context) (string, error) {
	unproven, proven := d.releases.all[third].commit, d.releases.all[second].commit
	o, err := d.do(ctx, call{args: deploy(unproven, "--run-now"), killAt: "switch"})
	if err != nil {
		return "", err
	}
	if !o.killed {
		return "", fmt.Errorf("the controller ended with exit code %d before it could be killed", o.exit)
	}
	d.screen.line("%s", bad.Render("Killed (kill -9)"))
	label, err := d.label(ctx)
	if err != nil {
		return "", err
	}
	if label != unproven {
		return "", fmt.Errorf("the container's label says %s: it was killed too early", label)
	}
	d.screen.line("What runs is %s, unproven. Any other command says so:\n", short(unproven))

	o, err = d.do(ctx, call{args: []string{"verify", "--service", service}, listen: true})
	if err := errors.Join(err, o.exits(1)); err != nil {
		return "", err
	}
	if !strings.Contains(o.err, "unidesk-controller recover") {
		return "", errors.New("verify does not say that there is something to recover")
	}
	d.screen.line("")
	o, err = d.run(ctx, "recover")
	if err := errors.Join(err, o.exits(0)); err != nil {
		return "", err
	}
	return fmt.Sprintf("label and /health say %s again", short(proven)), d.lives(ctx, proven)
}
