package rpc

import (
	"maps"
	"math"
	"net/netip"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
)

const (
	filePrefix  = "REGISTRY_FILE_"
	statePrefix = "STATE_"
	stepPrefix  = "INSTALL_STEP_"
)

// enumOf returns an enum value's name without its prefix; false for a value that is
// never sent and for a value that this build does not know.
func enumOf(v protoreflect.Enum, prefix string) (string, bool) {
	d := v.Descriptor().Values().ByNumber(v.Number())
	if d == nil || v.Number() == 0 {
		return "", false
	}
	return strings.TrimPrefix(string(d.Name()), prefix), true
}

func fileToProto(f registry.FileName) artifactv1.RegistryFile {
	return artifactv1.RegistryFile(artifactv1.RegistryFile_value[filePrefix+strings.ToUpper(string(f))])
}

func fileOf(f artifactv1.RegistryFile) (registry.FileName, bool) {
	name, ok := enumOf(f, filePrefix)
	return registry.FileName(strings.ToLower(name)), ok
}

func settingsToProto(s registry.Settings) *artifactv1.RegistrySettings {
	return &artifactv1.RegistrySettings{Image: s.Image, Directory: s.Directory, Storage: s.Storage, Endpoint: s.Endpoint.String()}
}

// settings parses what a caller wants: it becomes files that root reads.
func (f *fields) settings(m *artifactv1.RegistrySettings) registry.Settings {
	s := registry.Settings{
		Image: m.GetImage(), Directory: m.GetDirectory(), Storage: m.GetStorage(), Endpoint: f.address("settings.endpoint", m.GetEndpoint()),
	}
	if err := s.Validate(); err != nil {
		f.refuse("settings", err.Error())
	}
	return s
}

func hashesToProto(h registry.Hashes) (list []*artifactv1.ExpectedFile) {
	for _, f := range slices.Sorted(maps.Keys(h)) {
		list = append(list, &artifactv1.ExpectedFile{File: fileToProto(f), Sha256: h[f].String()})
	}
	return list
}

// hashes wants each of the files once.
func (f *fields) hashes(list []*artifactv1.ExpectedFile) registry.Hashes {
	hashes := registry.Hashes{}
	for _, m := range list {
		name, ok := fileOf(m.GetFile())
		if _, twice := hashes[name]; !ok || twice {
			f.refuse("expected.file", "not a file of a registry, or a file twice")
		}
		hashes[name] = f.digest("expected.sha256", m.GetSha256())
	}
	if len(hashes) != len(registry.FileNames()) {
		f.refuse("expected", "not a hash for each file of a registry")
	}
	return hashes
}

func addrsToProto(list []netip.AddrPort) (s []string) {
	for _, a := range list {
		s = append(s, a.String())
	}
	return s
}

func factsToProto(f registry.Facts) *artifactv1.RegistryFacts {
	m := &artifactv1.RegistryFacts{
		Time:      timestamppb.New(f.At),
		Listeners: addrsToProto(f.Listeners),
		Api:       &artifactv1.RegistryApi{Status: uint32(f.API.Status), Error: f.API.Error, TimedOut: f.API.TimedOut, IsRegistry: f.API.Registry},
		Storage:   &artifactv1.RegistryStorage{Exists: f.Storage.Exists, FreeBytes: uint64(max(0, f.Storage.Free))},
		Unread:    f.Unread,
	}
	for _, p := range f.Unseen {
		m.UnreadParts = append(m.UnreadParts, string(p))
	}
	if u := f.Unit; u != nil {
		m.Unit = &artifactv1.RegistryUnit{LoadState: u.Load, ActiveState: u.Active, FileState: u.File, NeedsReload: u.NeedsReload, DropIns: u.DropIns}
	}
	if e := f.Engine; e != nil {
		m.Engine = &artifactv1.RegistryEngine{Version: e.Version, HasImage: e.HasImage}
	}
	if c := f.Container; c != nil {
		m.Container = &artifactv1.RegistryContainer{
			Id: c.ID, State: c.State, Image: c.Image, ImageId: c.ImageID, RepoDigests: c.RepoDigests,
			Project: c.Project, Published: addrsToProto(c.Published), Restarts: uint32(max(0, c.Restarts)),
			Created: momentToProto(c.Created),
		}
	}
	for _, name := range registry.FileNames() {
		if file, ok := f.Files[name]; ok {
			m.Files = append(m.Files, &artifactv1.RegistryFileFact{
				File: fileToProto(name), Path: file.Path, Sha256: file.Hash.String(), Changed: momentToProto(file.Changed),
				State: artifactv1.RegistryFileFact_State(artifactv1.RegistryFileFact_State_value[statePrefix+string(file.State)]),
			})
		}
	}
	return m
}

// facts parses what an agent saw. Its words stay words; what is compared or counted
// must be what it claims to be.
func (f *fields) facts(m *artifactv1.RegistryFacts) registry.Facts {
	if m.GetTime() == nil {
		f.refuse("facts.time", "is missing")
	}
	facts := registry.Facts{
		At:        f.moment("facts.time", m.GetTime()),
		Listeners: f.addresses("facts.listeners", m.GetListeners()),
		API:       registry.APIFacts{Status: int(m.GetApi().GetStatus()), Error: m.GetApi().GetError(), TimedOut: m.GetApi().GetTimedOut(), Registry: answers(m.GetApi())},
		Storage:   registry.StorageFacts{Exists: m.GetStorage().GetExists(), Free: f.size("facts.storage.free_bytes", m.GetStorage().GetFreeBytes(), math.MaxInt64)},
		Unread:    m.GetUnread(),
	}
	for _, p := range m.GetUnreadParts() {
		facts.Unseen = append(facts.Unseen, registry.Part(p))
	}
	if len(facts.Unseen) == 0 { // an agent before unread_parts
		facts.Unseen = registry.PartsIn(facts.Unread)
	}
	facts.Files = f.fileFacts(m.GetFiles(), facts.Lacks(registry.PartFiles))
	if facts.API.Status > 999 {
		f.refuse("facts.api.status", "not a status of HTTP")
	}
	if u := m.GetUnit(); u != nil {
		facts.Unit = &registry.UnitFacts{
			Load: u.GetLoadState(), Active: u.GetActiveState(), File: u.GetFileState(), NeedsReload: u.GetNeedsReload(), DropIns: u.GetDropIns(),
		}
	}
	if e := m.GetEngine(); e != nil {
		facts.Engine = &registry.EngineFacts{Version: e.GetVersion(), HasImage: e.GetHasImage()}
	}
	if c := m.GetContainer(); c != nil {
		facts.Container = &registry.ContainerFacts{
			ID: c.GetId(), State: c.GetState(), Image: c.GetImage(), ImageID: c.GetImageId(), RepoDigests: c.GetRepoDigests(), Project: c.GetProject(),
			Published: f.addresses("facts.container.published", c.GetPublished()), Restarts: int(c.GetRestarts()),
			Created: f.moment("facts.container.created", c.GetCreated()),
		}
	}
	return facts
}

// answers returns whether a registry answers at the endpoint, nil if the agent does not report it.
func answers(m *artifactv1.RegistryApi) *bool {
	if m == nil {
		return nil
	}
	return m.IsRegistry
}

// fileFacts wants each of the files once, and a hash for each that is a file. If that
// part could not be read, what is missing is not known, and the other parts stand.
func (f *fields) fileFacts(list []*artifactv1.RegistryFileFact, unread bool) map[registry.FileName]registry.FileFacts {
	files := make(map[registry.FileName]registry.FileFacts, len(list))
	for _, m := range list {
		name, known := fileOf(m.GetFile())
		state, stated := enumOf(m.GetState(), statePrefix)
		if _, twice := files[name]; !known || !stated || twice {
			f.refuse("facts.files", "not a file of a registry in a state that is known, or a file twice")
		}
		file := registry.FileFacts{
			Path: m.GetPath(), State: registry.FileState(state), Hash: f.optionalDigest("facts.files.sha256", m.GetSha256()),
			Changed: f.moment("facts.files.changed", m.GetChanged()),
		}
		if (file.State == registry.Regular) != (m.GetSha256() != "") {
			f.refuse("facts.files.sha256", "missing, or there for what is not a regular file")
		}
		files[name] = file
	}
	for _, name := range registry.FileNames() {
		if _, ok := files[name]; !ok && unread {
			files[name] = registry.FileFacts{State: registry.Unreadable}
		}
	}
	if len(files) != len(registry.FileNames()) {
		f.refuse("facts.files", "not each of the files of a registry")
	}
	return files
}

func progressToProto(p registry.Progress) *artifactv1.InstallProgress {
	return &artifactv1.InstallProgress{
		Step:   artifactv1.InstallStep(artifactv1.InstallStep_value[stepPrefix+string(p.Step)]),
		Target: p.Target, Changed: p.Changed, Kept: p.Kept,
	}
}

func (f *fields) progress(m *artifactv1.InstallProgress) registry.Progress {
	step, ok := enumOf(m.GetStep(), stepPrefix)
	if !ok {
		f.refuse("progress.step", "not a step that is known")
	}
	return registry.Progress{Step: registry.Step(step), Target: m.GetTarget(), Changed: m.GetChanged(), Kept: m.GetKept()}
}

func installedToProto(i registry.Installed) *artifactv1.InstallResult {
	return &artifactv1.InstallResult{Changes: uint32(i.Changes), Facts: factsToProto(i.Facts)}
}

func (f *fields) installed(m *artifactv1.InstallResult) registry.Installed {
	return registry.Installed{Changes: int(m.GetChanges()), Facts: f.facts(m.GetFacts())}
}
