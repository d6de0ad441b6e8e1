package workload_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func TestProgramsAreWhereACommandLineTakesItsProgramFrom(t *testing.T) {
	t.Parallel()
	bin := "/bin /usr/bin /usr/local/bin"
	for line, want := range map[string]string{
		"":                                      "",
		"/app/service":                          "/app/service",
		"/app/../opt/./service":                 "/opt/service",
		"/app/service --data /data /more":       "/app/service",
		"./service":                             "/app",
		"service /data":                         bin,
		"redis-server /etc/redis/redis.conf":    bin,
		"docker-entrypoint.sh redis-server":     bin,
		"bun run src/index.ts":                  "/app " + bin,
		"bun --watch /srv/x/index.ts":           bin + " /srv/x/index.ts",
		"node --env-file /data/env /srv/main":   bin + " /srv/main",
		"node --env-file /data/env":             bin,
		"python3.12 -m app":                     "/app " + bin,
		"/usr/bin/java -jar /opt/a.jar":         "/opt/a.jar /usr/bin/java",
		"/sbin/tini -- /app/service /data":      "/app/service /sbin/tini",
		"/entrypoint.sh node server.js":         "/app " + bin + " /entrypoint.sh",
		"env A=b C=/d /x/y /data":               bin + " /x/y",
		"sh /x/start.sh":                        bin + " /x/start.sh",
		"sh|-c|exec /x/y --data /data":          bin + " /x/y",
		"/bin/sh|-ec|cd /srv && ./run /data":    "/app /bin/sh /srv",
		"/bin/sh|-c|A=b '/x/y' | tee /data/log": "/bin /bin/sh /usr/bin /usr/local/bin /x/y",
		"/app/ser|vice":                         "/app/ser",
		"/app/a=hunter2&b":                      "",
	} {
		argv := strings.Fields(line)
		if strings.Contains(line, "|-") {
			argv = strings.SplitN(line, "|", 3)
		}
		if line == "/app/ser|vice" {
			argv = strings.Split(line, "|")
		}
		if got := workload.Programs(argv, "/app"); !slices.Equal(got, slices.Sorted(slices.Values(strings.Fields(want)))) {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
	if got := workload.Programs([]string{"./run"}, ""); !slices.Equal(got, []string{workload.WorkFolder}) {
		t.Errorf("no working folder: %q", got)
	}
	if got := workload.Programs([]string{"./run"}, "/"); got != nil {
		t.Errorf("the whole image: %q", got)
	}
}

func TestAMountHidesWhatIsInIt(t *testing.T) {
	t.Parallel()
	for target, hides := range map[string]bool{"/app": true, "/app/": true, "/": true, "/app/service": true, "/app/service/x": false, "/app/ser": false, "/data": false} {
		if got := (workload.Mount{Target: target}).Hides("/app/service"); got != hides {
			t.Errorf("%s: %v", target, got)
		}
	}
}
