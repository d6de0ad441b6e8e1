package bystander_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/bystander"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

type (
	container = workload.Neighbour
	run       = bystander.Run
)

var (
	noon   = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	target = ref("unidesk", "frontend")
)

// ref is a Compose service's name.
func ref(project, service string) workload.Ref {
	r, _ := workload.NewRef(workload.Compose, project, service)
	return r
}

func at(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }

// id makes a container's id of a letter.
func id(letter string) string { return strings.Repeat(letter, 64) }

// of is a running container of a service of the target's project.
func of(letter, service string, started int) container {
	return container{ID: id(letter), Name: service + "-1", Scope: "unidesk", Group: service, Running: true, Started: at(started)}
}

func with(c container, change func(*container)) container {
	change(&c)
	return c
}

func TestWhatAnotherContainerWentThrough(t *testing.T) {
	t.Parallel()
	web, db := of("a", "frontend", -60), of("b", "database", -60)
	registry := container{ID: id("c"), Name: "registry", Running: true, Started: at(-600)}
	stopped := func(c *container) { c.Running = false }
	fleeting := with(registry, func(c *container) { c.Name, c.AutoRemove = "job", true })
	for name, c := range map[string]struct {
		before, after []container
		want          []string
	}{
		"nothing":                               {[]container{web, db, registry}, []container{registry, db, web}, nil},
		"only the target":                       {[]container{web, db}, []container{of("d", "frontend", 1), db}, nil},
		"the target started for the first time": {[]container{db}, []container{db, web}, nil},
		"restarted": {
			[]container{web, db},
			[]container{web, of("b", "database", 2)},
			[]string{"restarted: database-1 (service database of project unidesk) was restarted, and runs since 12:02:00Z"},
		},
		"restarted by the engine": {
			[]container{with(db, func(c *container) { c.Restarts = 40 })},
			[]container{with(of("b", "database", 2), func(c *container) { c.Restarts = 43 })},
			[]string{"restarted: database-1 (service database of project unidesk) was started again by the engine, 3 times (40 before that), and runs since 12:02:00Z"},
		},
		"recreated under its name": {
			[]container{registry},
			[]container{with(registry, func(c *container) { c.ID, c.Started = id("d"), at(1) })},
			[]string{"recreated: registry was recreated: dddddddddddd in the place of cccccccccccc"},
		},
		"recreated under another name": {
			[]container{db},
			[]container{with(of("d", "database", 1), func(c *container) { c.Name = "database-2" })},
			[]string{"recreated: database-1 (service database of project unidesk) was recreated: dddddddddddd in the place of bbbbbbbbbbbb"},
		},
		"several of a service, each by its own": {
			[]container{of("1", "x", 0), with(of("2", "x", 0), func(c *container) { c.Name = "x-2" })},
			[]container{with(of("4", "x", 1), func(c *container) { c.Name = "x-2" }), of("3", "x", 1)},
			[]string{
				"recreated: x-1 (service x of project unidesk) was recreated: 333333333333 in the place of 111111111111",
				"recreated: x-2 (service x of project unidesk) was recreated: 444444444444 in the place of 222222222222",
			},
		},
		"removed":               {[]container{registry, db}, []container{db}, []string{"removed: registry was removed: cccccccccccc"}},
		"removed while stopped": {[]container{with(db, stopped)}, nil, []string{"removed: database-1 (service database of project unidesk) was removed: bbbbbbbbbbbb"}},
		"stopped":               {[]container{db}, []container{with(db, stopped)}, []string{"stopped: database-1 (service database of project unidesk) was running and is stopped"}},
		"started":               {[]container{with(db, stopped)}, []container{of("b", "database", 1)}, []string{"started: database-1 (service database of project unidesk) was stopped and runs since 12:01:00Z"}},
		"stopped all the time":  {[]container{with(db, stopped)}, []container{with(of("b", "database", 0), stopped)}, nil},
		"new in the project":    {[]container{web}, []container{web, db}, []string{"created: database-1 (service database of project unidesk) is new in the target's project: bbbbbbbbbbbb"}},
		"new elsewhere": {
			nil, []container{registry, with(db, func(c *container) { c.Scope = "other" })}, nil,
		},
		"one without a service is nobody's successor": {
			[]container{registry},
			[]container{{ID: id("e"), Name: "scratch", Running: true, Started: at(1)}},
			[]string{"removed: registry was removed: cccccccccccc"},
		},
		"nor is one of another project": {
			[]container{with(db, func(c *container) { c.Name = "old" })},
			[]container{with(db, func(c *container) { c.ID, c.Scope = id("e"), "other" })},
			[]string{"removed: old (service database of project unidesk) was removed: bbbbbbbbbbbb"},
		},
		"the same service of another project": {
			[]container{with(web, func(c *container) { c.Scope = "other" })},
			nil,
			[]string{"removed: frontend-1 (service frontend of project other) was removed: aaaaaaaaaaaa"},
		},
		"one that removes itself":     {[]container{fleeting}, nil, nil},
		"one that is about to":        {[]container{fleeting}, []container{with(fleeting, stopped)}, nil},
		"one that comes again":        {[]container{fleeting}, []container{with(fleeting, func(c *container) { c.ID = id("e") })}, nil},
		"one that does not but could": {[]container{fleeting}, []container{with(fleeting, func(c *container) { c.Started = at(1) })}, []string{"restarted: job was restarted, and runs since 12:01:00Z"}},
		"several, in order of their names": {
			[]container{registry, db, of("f", "api", 0)},
			nil,
			[]string{
				"removed: api-1 (service api of project unidesk) was removed: ffffffffffff",
				"removed: database-1 (service database of project unidesk) was removed: bbbbbbbbbbbb",
				"removed: registry was removed: cccccccccccc",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, after := bystander.Snapshot{At: noon, Containers: c.before}, bystander.Snapshot{At: at(5), Containers: c.after}
			var got []string
			for _, d := range bystander.Disturbed(before, after, target, nil) {
				got = append(got, string(d.Kind)+": "+d.Detail)
				if !strings.HasPrefix(d.Detail, d.Name+" ") || (d.Before == "") != (d.Kind == bystander.Created) || (d.After == "") != (d.Kind == bystander.Removed) {
					t.Errorf("%+v", d)
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestAnotherRunExplainsItsOwnTarget(t *testing.T) {
	t.Parallel()
	database := ref("unidesk", "database")
	for name, c := range map[string]struct {
		others    []run
		explained bool
	}{
		"nobody":                     {nil, false},
		"one in between":             {[]run{{database, at(1), at(2)}}, true},
		"one that ended meanwhile":   {[]run{{database, at(-9), at(1)}}, true},
		"one that began meanwhile":   {[]run{{database, at(4), at(9)}}, true},
		"one around it":              {[]run{{database, at(-9), at(9)}}, true},
		"one that is not over":       {[]run{{Target: database, Began: at(-9)}}, true},
		"one that touches the start": {[]run{{database, at(-9), at(0)}}, true},
		"one before":                 {[]run{{database, at(-9), at(-1)}}, false},
		"one after":                  {[]run{{database, at(6), at(9)}}, false},
		"one that is to come":        {[]run{{Target: database, Began: at(6)}}, false},
		"one of another service":     {[]run{{ref("unidesk", "api"), at(1), at(2)}}, false},
		"one of another project":     {[]run{{ref("other", "database"), at(1), at(2)}}, false},
		"one of several":             {[]run{{database, at(-9), at(-1)}, {database, at(1), at(2)}}, true},
	} {
		before := bystander.Snapshot{At: noon, Containers: []container{of("b", "database", -60)}}
		for what, then := range map[string][]container{"recreated": {of("d", "database", 1)}, "removed": nil} {
			got := bystander.Disturbed(before, bystander.Snapshot{At: at(5), Containers: then}, target, c.others)
			if (len(got) == 0) != c.explained {
				t.Errorf("%s, %s: %+v", name, what, got)
			}
		}
	}
}

func TestWhatEndsOrRestartsByItselfIsNoDisturbance(t *testing.T) {
	t.Parallel()
	target, _ := workload.NewRef(workload.Compose, "unidesk", "web")
	zero, one := 0, 1
	running := workload.Neighbour{ID: "1", Name: "job", Running: true}
	ended := func(code *int) workload.Neighbour { return workload.Neighbour{ID: "1", Name: "job", Exited: code} }
	with := func(n workload.Neighbour, change func(*workload.Neighbour)) workload.Neighbour {
		change(&n)
		return n
	}
	kept := func(n *workload.Neighbour) { n.KeptRunning = true }
	loops := func(n *workload.Neighbour) { n.Restarting = true }
	for name, c := range map[string]struct {
		before, after workload.Neighbour
		kind          bystander.Kind
	}{
		"a one-shot ends well":                     {running, ended(&zero), ""},
		"a one-shot fails":                         {running, ended(&one), bystander.Stopped},
		"a service is stopped and ends well":       {with(running, kept), with(ended(&zero), kept), bystander.Stopped},
		"its host reports no exit code":            {running, ended(nil), bystander.Stopped},
		"a crash loop goes on":                     {with(running, loops), with(running, func(n *workload.Neighbour) { n.Restarts = 3 }), ""},
		"a crash loop is between two starts":       {with(running, loops), ended(&one), ""},
		"a crash loop begins":                      {running, with(running, func(n *workload.Neighbour) { n.Restarts, n.Restarting = 3, true }), bystander.Restarted},
		"a container in a crash loop is made anew": {with(running, loops), with(running, func(n *workload.Neighbour) { n.ID = "2" }), bystander.Recreated},
	} {
		found := bystander.Disturbed(bystander.Snapshot{Containers: []workload.Neighbour{c.before}}, bystander.Snapshot{Containers: []workload.Neighbour{c.after}}, target, nil)
		var kind bystander.Kind
		if len(found) > 0 {
			kind = found[0].Kind
		}
		if kind != c.kind {
			t.Errorf("%s: %q, want %q", name, kind, c.kind)
		}
	}
}

func TestANeighbourThatLosesWhatItSharesIsCutOff(t *testing.T) {
	t.Parallel()
	target, _ := workload.NewRef(workload.Compose, "unidesk", "web")
	old := workload.Neighbour{ID: "old", Name: "web", Scope: "unidesk", Group: "web", Running: true, Volumes: []string{"data"}}
	anew := old
	anew.ID = "new"
	sharing := func(what, with string) workload.Neighbour {
		return workload.Neighbour{ID: "s", Name: "sidecar", Scope: "unidesk", Group: "sidecar", Running: true, Shares: []workload.Share{{What: what, With: with}}}
	}
	for name, c := range map[string]struct {
		sidecar workload.Neighbour
		after   workload.Neighbour
		lost    string
	}{
		"its network":                 {sharing("network", "old"), anew, "its network"},
		"its ipc":                     {sharing("ipc", "old"), anew, "its ipc"},
		"its pid, by name":            {sharing("pid", "web"), anew, "its pid"},
		"volumes stay":                {sharing("volumes", "old"), anew, ""},
		"nothing was replaced":        {sharing("network", "old"), old, ""},
		"another's, gone long before": {sharing("network", "older"), anew, ""},
	} {
		found := bystander.Disturbed(bystander.Snapshot{Containers: []workload.Neighbour{old, c.sidecar}}, bystander.Snapshot{Containers: []workload.Neighbour{c.after, c.sidecar}}, target, nil)
		if (len(found) > 0) != (c.lost != "") || c.lost != "" &&
			(found[0].Kind != bystander.CutOff || !strings.Contains(found[0].Detail, c.lost) || !strings.Contains(found[0].Repair, "docker compose -p unidesk up -d --no-deps --force-recreate sidecar")) {
			t.Errorf("%s: %+v", name, found)
		}
	}
	backup := workload.Neighbour{ID: "b", Name: "backup", Volumes: []string{"data", "other"}}
	cut, volumes := bystander.Sharing([]workload.Neighbour{old, sharing("network", "old"), sharing("volumes", "web"), backup}, target)
	if strings.Join(cut, ";") != "sidecar shares its network" || strings.Join(volumes, ";") != "backup shares volume data;sidecar shares its volumes" {
		t.Errorf("%q, %q", cut, volumes)
	}
}
