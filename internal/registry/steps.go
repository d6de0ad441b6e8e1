package registry

import (
	"context"
	"fmt"
)

// Planned is a step that an installation will take.
type Planned struct {
	Step   Step   `json:"step"`
	Target string `json:"target"`
	// Does is the step in words.
	Does string `json:"does"`
}

// step is a planned step with what carries it out.
type step struct {
	Planned
	do func(*installation, context.Context) (Progress, error)
}

// Steps are what [Install] does, in its order: it runs the same list.
func Steps(s Settings) []Planned {
	var planned []Planned
	for _, one := range steps(s) {
		planned = append(planned, one.Planned)
	}
	return planned
}

func steps(s Settings) []step {
	list := []step{
		{Planned{StepCheck, Unit, "read what is there; refuse other hashes, a file that is a link, a port that is somebody else's"}, (*installation).check},
		{Planned{StepImage, s.Image, "pull it where the engine does not have it"}, (*installation).haveImage},
	}
	for _, dir := range []string{s.Directory, s.Storage} {
		list = append(list, step{
			Planned{StepFolder, dir, "make it where it is missing; what is in it is left alone"},
			func(i *installation, ctx context.Context) (Progress, error) { return i.makeFolder(ctx, dir) },
		})
	}
	for _, file := range Render(s) {
		list = append(list, step{
			Planned{StepFile, file.Path, "write " + file.Hash().String() + " where it differs, after a copy of what was there"},
			func(i *installation, ctx context.Context) (Progress, error) { return i.writeFile(ctx, file) },
		})
	}
	return append(list,
		step{Planned{StepReload, Unit, "systemctl daemon-reload, where the unit changed"}, (*installation).reload},
		step{Planned{StepEnable, Unit, "systemctl enable " + Unit}, (*installation).enable},
		step{Planned{StepStart, Unit, "systemctl restart " + Unit + ", where something changed or it does not run as it should"}, (*installation).start},
		step{Planned{StepVerify, fmt.Sprintf("http://%s/v2/", s.Endpoint), "wait for 200 from its own container, then judge as health does"}, (*installation).verify},
	)
}
