package packaging_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/pikasTech/unidesk-artifact-cd/internal/explain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/manual"
	"github.com/pikasTech/unidesk-artifact-cd/packaging"
)

// A bootstrapped host and a host that got the package are the same.
func TestThePackageBringsWhatABootstrapBrings(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("nfpm-agent.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var pkg struct {
		Contents []struct {
			Src, Dst string
		}
	}
	if err := yaml.Load(content, &pkg); err != nil {
		t.Fatal(err)
	}
	sources := map[string]string{}
	for _, c := range pkg.Contents {
		sources[c.Dst] = c.Src
	}
	if sources[packaging.AgentPath] == "" {
		t.Errorf("the package has no %s", packaging.AgentPath)
	}
	for _, f := range packaging.Files() {
		source, err := os.ReadFile("../" + sources[f.Path])
		if err != nil || string(source) != string(f.Content) {
			t.Errorf("the package's %s differs: %v", f.Path, err)
		}
		if comment := "Installed as " + f.Path; strings.HasSuffix(f.Path, ".conf") && !strings.Contains(string(f.Content), comment) {
			t.Errorf("%s lacks %q", f.Path, comment)
		}
	}
}

// An account that may ask an agent does not share the controller's state beside it.
func TestTheAgentsSocketAndTheControllersStateHaveDifferentGroups(t *testing.T) {
	t.Parallel()
	groups := func(names ...string) (found []string) {
		t.Helper()
		for _, name := range names {
			content, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			group := regexp.MustCompile(`(?m)^(?:g (\S+) -|d \S+ \d+ root (\S+) -|SocketGroup=(\S+))$`).FindStringSubmatch(string(content))
			if group == nil {
				t.Fatalf("%s names no group", name)
			}
			found = append(found, strings.Join(group[1:], ""))
		}
		return slices.Compact(found)
	}
	agent := groups("unidesk-agent.sysusers.conf", "unidesk-agent.tmpfiles.conf", "unidesk-agent.socket")
	controller := groups("unidesk-controller.sysusers.conf", "unidesk-controller.tmpfiles.conf")
	if len(agent) != 1 || len(controller) != 1 || agent[0] == controller[0] {
		t.Errorf("the agent has %q, the controller %q; each has one group, and not the other's", agent, controller)
	}
}

// An operator has the package alone: each page that a page links to is beside it.
func TestThePackageBringsEachPageThatItsPagesLinkTo(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("nfpm-controller.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const folder = "/usr/share/doc/unidesk-controller/docs/"
	brought := map[string]bool{}
	for _, c := range regexp.MustCompile(`src: (docs/\S+), dst: (\S+),`).FindAllStringSubmatch(string(content), -1) {
		pages, err := filepath.Glob("../" + c[1])
		if err != nil || len(pages) == 0 || !strings.HasPrefix(c[2], folder) {
			t.Fatalf("%s: %v, %s, want pages below %s", c[1], err, c[2], folder)
		}
		for _, page := range pages {
			brought[strings.TrimPrefix(page, "../")] = true
		}
	}
	for page := range brought {
		if path.Ext(page) != ".md" {
			continue
		}
		text, err := os.ReadFile("../" + page)
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`).FindAllStringSubmatch(string(text), -1) {
			if target := path.Join(path.Dir(page), link[1]); !brought[target] {
				t.Errorf("%s links to %s, which the package does not bring", page, target)
			}
		}
	}
}

// The README lies beside the folder of the pages, and leads to them.
func TestThePackageBringsTheReadme(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("nfpm-controller.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if line := "{src: README.md, dst: /usr/share/doc/unidesk-controller/README.md,"; !strings.Contains(string(content), line) {
		t.Errorf("the package has no %s", line)
	}
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range regexp.MustCompile(`\]\((docs/[^)#]+\.md)\)`).FindAllStringSubmatch(string(text), -1) {
		if _, err := os.Stat("../" + link[1]); err != nil {
			t.Error(err)
		}
	}
}

// Only its owner may remove what a registry holds.
func TestRemovingAPackageNamesNoRegistryAndNoHome(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"deb/agent.prerm", "deb/agent.postrm", "deb/controller.prerm", "deb/controller.postrm"} {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		removed := removedBy(string(content))
		if len(removed) == 0 && name == "deb/agent.postrm" {
			t.Errorf("%s removes nothing", name)
		}
		for _, path := range removed {
			if !slices.Contains([]string{"/var/lib/unidesk-agent", "/run/unidesk-agent"}, path) {
				t.Errorf("%s removes %s", name, path)
			}
		}
	}
}

var rm = regexp.MustCompile(`(?:^|[\s;&|/])rm\s+([^;&|]*)`)

// removedBy are what a script's rm is given, wherever on a line that stands.
func removedBy(script string) (paths []string) {
	for line := range strings.Lines(script) {
		code, _, _ := strings.Cut(line, "#")
		for _, found := range rm.FindAllStringSubmatch(code, -1) {
			for _, word := range strings.Fields(found[1]) {
				if !strings.HasPrefix(word, "-") {
					paths = append(paths, word)
				}
			}
		}
	}
	return paths
}

func TestEveryFormOfRemovingIsSeen(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]string{
		"rm /a\n": "/a", "  rm -rf /a /b\n": "/a /b", "if x; then rm -f -- /a; fi\n": "/a", "[ -e /a ] && /bin/rm /a || :\n": "/a",
		"# rm /a\n": "", "echo rmdir /a\n": "", "true; rm /a # /b\n": "/a",
	} {
		if got := strings.Join(removedBy(script), " "); got != want {
			t.Errorf("%q removes %q, want %q", script, got, want)
		}
	}
}

// broughtPages are the installed paths of what the controller's package has of documentation.
func broughtPages(t *testing.T) map[string]bool {
	t.Helper()
	content, err := os.ReadFile("nfpm-controller.yaml")
	if err != nil {
		t.Fatal(err)
	}
	brought := map[string]bool{}
	for _, c := range regexp.MustCompile(`src: (\S+), dst: (`+manual.Folder+`/\S+),`).FindAllStringSubmatch(string(content), -1) {
		if strings.HasPrefix(c[1], "dist/stage/") { // build.sh makes it
			continue
		}
		sources, err := filepath.Glob("../" + c[1])
		if err != nil || len(sources) == 0 {
			t.Fatalf("%s: %v", c[1], err)
		}
		for _, source := range sources {
			to := c[2]
			if strings.HasSuffix(to, "/") {
				to += filepath.Base(source)
			}
			brought[to] = true
		}
	}
	return brought
}

// A message names a page by the path at which the package installs it, made by manual.Page.
func TestThePackageBringsEachPageThatAMessageNames(t *testing.T) {
	t.Parallel()
	brought, found := broughtPages(t), 0
	bare := regexp.MustCompile(`(?:^|[^/a-z])docs/(?:[a-z-]+/)*[a-z-]+\.(?:md|yaml)`)
	for _, top := range []string{"../internal", "../cmd"} {
		err := filepath.WalkDir(top, func(name string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if text, ok := n.(*ast.BasicLit); ok && text.Kind == token.STRING && bare.MatchString(text.Value) {
					t.Errorf("%s: %s is not where a page is installed; make its path by manual.Page", name, text.Value)
				}
				call, ok := n.(*ast.CallExpr)
				if !ok || len(call.Args) != 1 {
					return true
				}
				f, ok := call.Fun.(*ast.SelectorExpr)
				if page, isText := call.Args[0].(*ast.BasicLit); ok && isText && types.ExprString(f) == "manual.Page" {
					found++
					if path := manual.Page(strings.Trim(page.Value, `"`)); !brought[path] {
						t.Errorf("%s names %s, which the package does not bring", name, path)
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 10 {
		t.Errorf("only %d pages are named", found)
	}
	for _, e := range explain.All() {
		for _, path := range regexp.MustCompile(manual.Folder+`/[a-z/-]+\.(?:md|yaml)`).FindAllString(e.Repair, -1) {
			if !brought[path] {
				t.Errorf("the repair of %s names %s, which the package does not bring", e.Reason, path)
			}
		}
	}
}

// So do the first configurations, and the example that a hint copies.
func TestThePackageBringsWhatTheConfigurationsName(t *testing.T) {
	t.Parallel()
	brought, found := broughtPages(t), 0
	for _, name := range []string{"deb/controller.yaml", "deb/agent.yaml", "../internal/catalog/services.yaml"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range regexp.MustCompile(`(?:/usr/share/doc/[a-z-]+/|\b)(?:docs|examples)/[a-z-]+\.(?:md|yaml)`).FindAllString(string(text), -1) {
			found++
			if !brought[path] && path != "/usr/share/doc/unidesk-agent/examples/agent.yaml" { // the agent's own package has it
				t.Errorf("%s names %s, which the package does not bring", name, path)
			}
		}
	}
	if example := manual.Folder + "/examples/controller.yaml"; !brought[example] {
		t.Errorf("the package does not bring %s", example)
	}
	if found < 3 {
		t.Errorf("only %d pages are named", found)
	}
}

// What lintian finds and a package keeps has its reason.
func TestEachOverrideOfLintianHasAReason(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"unidesk-agent", "unidesk-controller"} {
		content, err := os.ReadFile("deb/" + name + ".lintian-overrides")
		if err != nil {
			t.Fatal(err)
		}
		reason, found := "", 0
		for line := range strings.Lines(string(content)) {
			if strings.HasPrefix(line, "#") {
				reason = line
				continue
			}
			found++
			if !strings.HasPrefix(line, name+": ") || reason == "" {
				t.Errorf("%s: %q is no override with a reason above it", name, line)
			}
		}
		if found == 0 {
			t.Errorf("%s has no override", name)
		}
	}
}

// An operator finds each command, and the changes, without the repository.
func TestThePackagesBringManualsAndChanges(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"unidesk-agent", "unidesk-controller"} {
		content, err := os.ReadFile("nfpm-" + strings.TrimPrefix(name, "unidesk-") + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			`{src: "dist/stage/man/` + name + `*.1.gz", dst: /usr/share/man/man1/,`, `{src: "dist/stage/man/` + name + `*.5.gz", dst: /usr/share/man/man5/,`,
			"dst: /usr/share/doc/" + name + "/copyright,", "dst: /usr/share/doc/" + name + "/changelog.gz,", "docker-compose-plugin | docker-compose-v2",
		} {
			if !strings.Contains(string(content), want) {
				t.Errorf("%s has no %s", name, want)
			}
		}
	}
}
