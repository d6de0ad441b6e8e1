package doctor

import (
	"cmp"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/controller/site"
	"github.com/pikasTech/unidesk-artifact-cd/internal/engine"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/journal"
	"github.com/pikasTech/unidesk-artifact-cd/internal/ledger"
	"github.com/pikasTech/unidesk-artifact-cd/internal/manual"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
	"github.com/pikasTech/unidesk-artifact-cd/internal/provenance"
	"github.com/pikasTech/unidesk-artifact-cd/internal/remedy"
	"github.com/pikasTech/unidesk-artifact-cd/internal/workload"
)

func judgeEngine(info engine.Info, err error) Finding {
	const check = "engine"
	switch {
	case err != nil:
		return broken(check, err, "systemctl status docker")
	case !info.TellsComplete():
		return amiss(LevelFault, check, "upgrade to Docker Engine 28 or later, or turn the containerd image store off",
			"engine %s with containerd's image store speaks API %s and cannot tell whether an image is whole", info.Version, info.APIVersion)
	}
	return fine(check, "%s, API %s, %s store in %s, %s", info.Version, info.APIVersion, info.Store, info.RootDir, info.Platform)
}

// stateFacts are of the state folder.
type stateFacts struct {
	dir string
	// exists is false if the first deploy would make it.
	exists bool
	mode   fs.FileMode
	// closed are the folders, itself or below, that this account may not write to.
	closed []string
	// admission is what lets it write to the first of them, "" if that is not known.
	admission string
}

// share is how to share a state folder that is private.
func (s stateFacts) share() string {
	if s.mode&fs.ModeSetgid != 0 && s.mode.Perm()&0o020 != 0 {
		return ""
	}
	return "; or share it: chgrp GROUP, chmod 3770 on it, chmod 2770 on all folders below"
}

func judgeState(s stateFacts) Finding {
	const check = "state folder"
	switch {
	case len(s.closed) > 0:
		return amiss(LevelFault, check, cmp.Or(s.admission, "run as its owner")+s.share(),
			"this account may not write to %s", strings.Join(s.closed, ", "))
	case !s.exists:
		return fine(check, "%s is not there; the first deploy makes it", s.dir)
	case !s.mode.IsDir():
		return amiss(LevelFault, check, "name a folder in controller.yaml (state)", "%s is not a folder", s.dir)
	case s.mode.Perm()&0o007 != 0:
		return amiss(LevelWarning, check, "chmod o-rwx "+s.dir, "%s is open to everybody (mode %04o)", s.dir, s.mode.Perm())
	case s.mode.Perm()&0o020 != 0 && s.mode&fs.ModeSetgid == 0:
		return amiss(LevelWarning, check, "chmod g+s "+s.dir+" and the folders below",
			"its group may write to %s and would not own what is made in it (mode %04o)", s.dir, s.mode.Perm())
	case s.mode.Perm()&0o020 != 0 && s.mode&fs.ModeSticky == 0:
		return amiss(LevelWarning, check, "chmod +t "+s.dir, "each of its group may put another folder in the place of those in %s (mode %04o)", s.dir, s.mode.Perm())
	case s.mode.Perm()&0o020 != 0:
		return fine(check, "%s, shared by its group", s.dir)
	}
	return fine(check, "%s, private", s.dir)
}

// judgeRuns names each run that goes on, none if there is none.
func judgeRuns(runs []journal.Going, now time.Time) (list []Finding) {
	for _, r := range runs {
		list = append(list, fine("running", "%s", r.Sentence(r.Commit.Short(), now)))
	}
	return list
}

// judgeLeftovers is about what killed runs have left. A run of another machine that
// goes on looks the same from here.
func judgeLeftovers(changes []workload.Pending, receipts []ledger.Receipt, err error, recoverAs string) Finding {
	const check = "leftovers"
	fix := "unless that run still goes on: " + cmp.Or(recoverAs, remedy.Line(fault.Recover))
	var what []string
	for _, p := range changes {
		what = append(what, site.NotSettled(p))
	}
	for _, r := range receipts {
		what = append(what, site.NotInForce(r))
	}
	switch {
	case err != nil:
		return broken(check, err, "look at the state folder")
	case len(changes) > 0:
		return amiss(LevelFault, check, fix, "%s", strings.Join(what, "\n"))
	case len(receipts) > 0:
		return amiss(LevelWarning, check, fix, "%s", strings.Join(what, "\n"))
	}
	return fine(check, "none")
}

func judgeWatch(watched bool, err error) Finding {
	const check = "watch"
	switch {
	case err != nil:
		return amiss(LevelWarning, check, "be of the group that shares the state folder", "%v", err)
	case !watched:
		return amiss(LevelWarning, check, "`systemctl status unidesk-controller` shows a unit that fails, and tries again every 30 s, with its reason; "+
			"if it is disabled, as root: `systemctl enable --now unidesk-controller`; without the package have `unidesk-controller watch` run all the time",
			"the watch does not run: if a deploy is killed, its unproven version stays until the next command or `unidesk-controller recover`")
	}
	return fine(check, "a change that is not confirmed in time is reverted")
}

// stale is the age from which a textfile is not written any more: watch writes it each minute.
const stale = 5 * time.Minute

// judgeTextfile is about the metrics that node_exporter reads, written at a time.
func judgeTextfile(path string, written time.Time, err error, now time.Time) Finding {
	const check = "metrics"
	switch age := now.Sub(written); {
	case err != nil:
		return amiss(LevelWarning, check, textfileFix, "%s: %v", path, err)
	case age > stale:
		return amiss(LevelWarning, check, textfileFix, "%s was written %s: what Prometheus has is old", path, plain.Ago(now, written))
	}
	return fine(check, "%s, written %s", path, plain.Ago(now, written))
}

const textfileFix = "watch writes it each minute: `journalctl -u unidesk-controller -n 20` shows why it does not"

// disk is a filesystem as a deploy meets it.
type disk struct {
	free int64
	err  error
}

// Below least nothing of any size can be brought over; below ample an image of the
// catalog may or may not fit.
const (
	least = 512 << 20
	ample = 4 << 30
)

func judgeSpool(dir string, quota, used int64, d disk) Finding {
	const check = "spool's disk"
	switch {
	case d.err != nil:
		return broken(check, d.err, "")
	case min(quota, d.free+used) < least:
		return amiss(LevelFault, check, "free space there, or name another folder in controller.yaml (state)",
			"%s free in %s, quota %s: no image of any size fits", plain.Size(d.free), dir, plain.Size(quota))
	case d.free < quota-used:
		return amiss(LevelWarning, check, "free space there, or lower spoolQuota in controller.yaml",
			"%s free in %s: the disk is full before the quota of %s is (%s used)", plain.Size(d.free), dir, plain.Size(quota), plain.Size(used))
	}
	return fine(check, "%s free, %s of %s used", plain.Size(d.free), plain.Size(used), plain.Size(quota))
}

func judgeEngineDisk(dir string, d disk) Finding {
	const check, fix = "engine's disk", "`docker system df` shows what takes the space; `docker image prune` removes layers that nothing uses"
	switch {
	case d.err != nil:
		return amiss(LevelWarning, check, "run as an account that may look there", "%v", d.err)
	case d.free < least:
		return amiss(LevelFault, check, fix, "%s free in %s: no image of any size fits", plain.Size(d.free), dir)
	case d.free < ample:
		return amiss(LevelWarning, check, fix, "%s free in %s: a large image may not fit", plain.Size(d.free), dir)
	}
	return fine(check, "%s free in %s", plain.Size(d.free), dir)
}

// judgeSSH is about the program that leads to hosts; path is "" if it is not found.
func judgeSSH(hosts []string, path string) (list []Finding) {
	switch {
	case len(hosts) == 0:
		return nil
	case path == "":
		return []Finding{amiss(LevelFault, "ssh", "install the openssh-client package", "no ssh in PATH; it leads to %s", strings.Join(hosts, ", "))}
	}
	return []Finding{fine("ssh", "%s", path)}
}

// judgeSigners is about the file of allowed signers, if the catalog requires grants.
// err is what a grant would be answered with, whatever its signer.
func judgeSigners(rows []catalog.Row, path string, err error) (list []Finding) {
	var gated []string
	for _, row := range rows {
		for _, env := range artifact.Envs() {
			if e := row.Environment(env); e.Mode == catalog.Live && e.Has(catalog.SupervisorRequired) {
				gated = append(gated, row.Service.String()+" in "+env.String())
			}
		}
	}
	const check = "allowed signers"
	if len(gated) == 0 {
		return nil
	}
	who := strings.Join(gated, ", ")
	if err != nil {
		fix := cmp.Or(remedy.Hint(err), manual.Page("grants.md")+", \"Who may sign\": root's "+path+", a line for each supervisor")
		return []Finding{amiss(LevelWarning, check, fix, "no deploy of %s can be granted: %v", who, err)}
	}
	return []Finding{fine(check, "%s, for %s", path, who)}
}

// summaries are what is in the folder of producers' summaries.
type summaries struct {
	// dir is "" if none is configured.
	dir  string
	good int
	// bad has a reason for each file that is no summary.
	bad []string
	err error
}

// mostBad is how many files are named.
const mostBad = 5

// judgeSummaries weighs an unreadable folder by the services that need summaries. A
// file that is no summary takes the proof from its commit only.
func judgeSummaries(rows []catalog.Row, s summaries) (list []Finding) {
	const check = "summaries"
	fix := manual.Page("provenance.md") + "; controller.yaml names the folder (summaries)"
	var need []string
	for _, row := range rows {
		if row.Provenance == provenance.Required {
			need = append(need, row.Service.String())
		}
	}
	who := strings.Join(need, ", ")
	switch {
	case s.dir == "" && len(need) > 0:
		return []Finding{amiss(LevelFault, check, fix, "no folder is configured, and nothing of %s is deployed without one", who)}
	case s.dir == "":
		return nil
	case s.err != nil && len(need) > 0:
		return []Finding{amiss(LevelFault, check, fix, "nothing of %s can be deployed: %v", who, s.err)}
	case s.err != nil:
		return []Finding{amiss(LevelWarning, check, fix, "every artifact stays unverified: %v", s.err)}
	case len(s.bad) > 0:
		named := s.bad[:min(len(s.bad), mostBad)]
		what := fmt.Sprintf("%d in %s, and %s of another form:\n%s", s.good, s.dir, plain.Count(len(s.bad), "file"), strings.Join(named, "\n"))
		if more := len(s.bad) - len(named); more > 0 {
			what += fmt.Sprintf("\nand %d more", more)
		}
		return []Finding{amiss(LevelWarning, check, "have the producer publish them again, or take them away: "+manual.Page("provenance.md"), "%s", what)}
	}
	return []Finding{fine(check, "%d in %s", s.good, s.dir)}
}
