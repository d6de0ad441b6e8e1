package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// EngineVariable names the environment variable that makes every engine of a lab
// private and of a certain release and image store, RELEASE-STORE: 28-classic,
// 28-containerd, 29-classic, 29-containerd. lab/tools/build.sh builds the releases.
// Without it an engine is of the machine's own Docker, as it is set up.
const EngineVariable = "UNIDESK_LAB_ENGINE"

// release is what a private engine is made of.
type release struct {
	// programs is the folder that dockerd and containerd are in; "" for the machine's.
	programs string
	// store is the image store, as EngineVariable spells it; "" for the engine's own choice.
	store string
}

func chosenRelease() (release, error) {
	asked := os.Getenv(EngineVariable)
	if asked == "" {
		return release{}, nil
	}
	number, store, _ := strings.Cut(asked, "-")
	if !slices.Contains([]string{"28", "29"}, number) || !slices.Contains([]string{"classic", "containerd"}, store) {
		return release{}, fmt.Errorf("%s=%s: want 28 or 29, a hyphen, and classic or containerd", EngineVariable, asked)
	}
	tools, err := ToolsDir()
	if err != nil {
		return release{}, err
	}
	made := release{programs: filepath.Join(tools, "engine"+number), store: store}
	if _, err := os.Stat(made.program("dockerd")); err != nil {
		return release{}, fmt.Errorf("%s=%s: %w; lab/tools/build.sh engine%s builds it", EngineVariable, asked, err, number)
	}
	return made, nil
}

// startable returns nil or why nothing of the release can be started here.
func (r release) startable() (err error) {
	if os.Geteuid() != 0 {
		err = errors.New("no Docker Engine answers that may be used, and starting one needs root")
	} else {
		_, err = findProgram(r.program("dockerd"))
	}
	if err != nil && r.programs == "" {
		return fmt.Errorf("no Docker Engine: %w", err)
	}
	return err
}

func (r release) program(name string) string { return filepath.Join(r.programs, name) }

// env has the release's programs before the machine's: containerd looks for its
// shim, and dockerd for containerd.
func (r release) env() []string {
	if r.programs == "" {
		return cleanEnv()
	}
	return cleanEnv("PATH=" + r.programs + ":" + searchPath())
}

// settings is the engine's daemon.json. runc before 1.2, as Debian 12 has it, knows no
// time namespace, which Engine 29 gives each container by default.
func (r release) settings() string {
	if r.store == "" {
		return "{}\n"
	}
	return fmt.Sprintf("{\"features\": {\"containerd-snapshotter\": %t, \"time-namespaces\": false}}\n", r.store == "containerd")
}
