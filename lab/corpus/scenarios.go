package corpus

// Scenario is what is on the master already and what is deployed then, release after release.
type Scenario struct {
	ID, Title string
	Installed Image   // nil for a first deploy
	Releases  []Image // nil if what is installed is deployed again
}

// Scenarios are those that transfers are measured with.
func Scenarios() []Scenario {
	app := Image{toolchain("go1.26.7", 0), vendored(0, older()...), program(0, false)}
	var history []Image
	for i, v := range []string{"v0.161.0", "v0.161.1", "v0.162.0", "v0.162.1", "v0.163.3"} {
		history = append(history, Image{release("github.com/gohugoio/hugo@"+v, i)})
	}
	return []Scenario{
		{ID: "S0", Title: "nothing is new", Installed: app},
		{ID: "S1", Title: "a line in 245 MB, times kept", Installed: Image{source(0, false)}, Releases: []Image{{source(0, true)}}},
		{ID: "S2", Title: "a line in 245 MB, every mtime new", Installed: Image{source(0, false)}, Releases: []Image{{source(2, true)}}},
		{ID: "S3", Title: "a Go program is rebuilt", Installed: Image{program(0, false)}, Releases: []Image{{program(1, true)}}},
		{ID: "S4", Title: "three of five dependencies are upgraded", Installed: Image{vendored(0, older()...)}, Releases: []Image{{vendored(1, newer()...)}}},
		{ID: "S5", Title: "first deploy", Releases: []Image{app}},
		{ID: "S6", Title: "one layer of 600 MB", Releases: []Image{{noise(600e6, 6)}}},
		{ID: "S7", Title: "the base image is swapped", Installed: app, Releases: []Image{{toolchain("go1.26.8", 3), vendored(0, older()...), program(0, false)}}},
		{ID: "S8", Title: "the connection is cut at half way, and a pull begun again when it has given up", Releases: []Image{app}},
		{ID: "S9", Title: "four releases after a first one", Installed: history[0], Releases: history[1:]},
	}
}

// older and newer are a go.mod before and after its dependencies are looked after: 69 MB, of which 20 MB are other versions.
func older() []string {
	return []string{
		"k8s.io/client-go@v0.37.1", "google.golang.org/grpc@v1.84.0", "golang.org/x/net@v0.59.0",
		"k8s.io/api@v0.37.1", "golang.org/x/text@v0.42.0",
	}
}

func newer() []string {
	return append([]string{"k8s.io/client-go@v0.37.2", "google.golang.org/grpc@v1.85.0", "golang.org/x/net@v0.60.0"}, older()[3:]...)
}
