package doctor

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/compose/declared"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/manual"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/unidesk"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func judgeConfig(dir string, c site.Config, err error) Finding {
	if err != nil {
		return broken("controller.yaml", err, manual.Page("configuration.md")+" describes each key")
	}
	return fine("controller.yaml", "%s: %s, registry on %s", filepath.Join(dir, "controller.yaml"), plain.Count(len(c.Hosts), "host"), c.RegistryHost)
}

func judgeCatalog(dir string, c *catalog.Catalog, err error) Finding {
	if err != nil {
		return broken("services.yaml", err, plain.Command("unidesk-controller", "catalog", "check", filepath.Join(dir, "services.yaml")))
	}
	return fine("services.yaml", "%s, %s", plain.Count(len(c.Services()), "service"), c.Hash)
}

// file is what is known of a file without showing its content.
type file struct {
	path string
	mode fs.FileMode
	err  error
}

// judgePrivate is about a file that holds credentials and could be read; otherwise is
// what to do if it could not be read and the error has no hint.
func judgePrivate(check string, f file, otherwise string) Finding {
	switch {
	case f.err != nil:
		return broken(check, f.err, otherwise)
	case !f.mode.IsRegular():
		return amiss(LevelFault, check, "put a regular file there", "%s is not a regular file", f.path)
	case f.mode.Perm()&0o004 != 0:
		return amiss(LevelWarning, check, "chmod o-rwx "+f.path, "%s holds credentials and everybody may read it (mode %04o)", f.path, f.mode.Perm())
	case f.mode.Perm()&0o002 != 0:
		return amiss(LevelWarning, check, "chmod o-rwx "+f.path, "everybody may write to %s (mode %04o)", f.path, f.mode.Perm())
	}
	return fine(check, "%s, mode %04o", f.path, f.mode.Perm())
}

// judgeGuarded is about who may write the files that a deploy obeys.
func judgeGuarded(err error) Finding {
	const check = "who may write"
	if err != nil {
		return broken(check, err, "")
	}
	return fine(check, "UniDesk's files are those of root and of accounts that may use the engine")
}

// judgeSecrets judges the keys that services on the master need in the env file.
func judgeSecrets(envFile string, rows []catalog.Row, presence func([]string) []workload.Secret) (list []Finding) {
	for _, row := range rows {
		if !row.LiveOn(catalog.Master) || len(row.Secrets) == 0 {
			continue
		}
		var have, lack []string
		for _, s := range presence(row.Secrets) {
			if s.Present {
				have = append(have, s.Name+" "+plain.Count(s.Length, "byte"))
			} else {
				lack = append(lack, s.Name)
			}
		}
		check := "secrets of " + row.Service.String()
		if len(lack) > 0 {
			list = append(list, amiss(LevelFault, check, "set it in "+envFile, "no value for %s", strings.Join(lack, ", ")))
			continue
		}
		list = append(list, fine(check, "%s", strings.Join(have, ", ")))
	}
	return list
}

// judgeComposeFiles is about the files that the project is made of.
func judgeComposeFiles(root file, files []file) Finding {
	const check = "UniDesk root"
	if root.err != nil {
		return broken(check, root.err, "name the canonical UniDesk folder in controller.yaml (master.root)")
	}
	if !root.mode.IsDir() {
		return amiss(LevelFault, check, "name the canonical UniDesk folder in controller.yaml (master.root)", "%s is not a folder", root.path)
	}
	var names []string
	for _, f := range files {
		if f.err != nil {
			return broken(check, f.err, "name the project's files in controller.yaml (master.composeFiles)")
		}
		names = append(names, filepath.Base(f.path))
	}
	return fine(check, "%s, %s", root.path, strings.Join(names, ", "))
}

// unlooked is about what cannot be looked at without the UniDesk root.
func unlooked(check string) Finding {
	return amiss(LevelFault, check, "repair the UniDesk root first (master.root in controller.yaml)", "not looked at while the UniDesk root is amiss")
}

// judgeCompose is about the plugin. v1 is the version that a docker-compose program
// prints if there is no plugin.
func judgeCompose(version string, err error, v1 string) Finding {
	const check, fix = "Compose", declared.Install
	switch {
	case err != nil && strings.HasPrefix(v1, "1."):
		return amiss(LevelFault, check, fix,
			"docker has no Compose plugin; docker-compose %s is there and does not stand in for it: it names containers in another way", v1)
	case err != nil:
		return broken(check, err, fix)
	case strings.HasPrefix(version, "1."):
		return amiss(LevelFault, check, fix, "Compose is %s: version 1 names containers in another way", version)
	}
	return fine(check, "%s", version)
}

// judgeProject is about whether a Compose of that version can read the project.
func judgeProject(project, version string, err error) Finding {
	check := "project " + project
	switch {
	case err == nil:
		return fine(check, "Compose can read it")
	case fault.ReasonOf(err) == fault.ComposeFailed && olderThan(version, 2, 35):
		return amiss(LevelFault, check, declared.Install, "Compose is too old: %s", strings.TrimPrefix(err.Error(), "Compose is too old: "))
	case fault.ReasonOf(err) == fault.ComposeFailed:
		return broken(check, err, "repair the Compose files, or the env file that their variables come from")
	}
	return broken(check, err, "")
}

// olderThan reports whether a version is known and older than major.minor.
func olderThan(version string, major, minor int) bool {
	var gotMajor, gotMinor int
	_, err := fmt.Sscanf(version, "%d.%d", &gotMajor, &gotMinor)
	return err == nil && (gotMajor < major || gotMajor == major && gotMinor < minor)
}

// judgeEnvFile is about the controlled env file, which was read or not, and can be
// replaced or not. What replaces it also reads it: its fix is the whole fix.
func judgeEnvFile(f file, unread, closed error) Finding {
	if closed != nil && (unread == nil || fault.HintOf(closed) != "") {
		return broken("env file", closed, "")
	}
	return judgePrivate("env file", f, "put it there, or name it in config.json ("+unidesk.EnvFilePointer+")")
}
