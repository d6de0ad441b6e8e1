package rpc

import (
	"maps"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/registry"
)

const (
	filePrefix  = "REGISTRY_FILE_"
	statePrefix = "STATE_"
	stepPrefix  = "INSTALL_STEP_"
)

// enumOf returns an enum value's name without its prefix; false for one that is
// never sent and for one that this build does not know.
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

// settingsOf parses what a caller wants: it becomes files that root reads.
func settingsOf(m *artifactv1.RegistrySettings) (registry.Settings, error) {
	endpoint, err := netip.ParseAddrPort(m.GetEndpoint())
	if err != nil {
		return registry.Settings{}, fault.New(fault.InvalidRequest, "registry: endpoint: %w", err)
	}
	s := registry.Settings{Image: m.GetImage(), Directory: m.GetDirectory(), Storage: m.GetStorage(), Endpoint: endpoint}
	if err := s.Validate(); err != nil {
		return registry.Settings{}, fault.New(fault.InvalidRequest, "%w", err)
	}
	return s, nil
}

func hashesToProto(h registry.Hashes) (list []*artifactv1.ExpectedFile) {
	for _, f := range slices.Sorted(maps.Keys(h)) {
		list = append(list, &artifactv1.ExpectedFile{File: fileToProto(f), Sha256: h[f].String()})
	}
	return list
}

// hashesOf wants each of the files once.
func hashesOf(list []*artifactv1.ExpectedFile) (registry.Hashes, error) {
	hashes := registry.Hashes{}
	for _, m := range list {
		f, ok := fileOf(m.GetFile())
		if !ok {
			return nil, fault.New(fault.InvalidRequest, "expected: %d is no file of a registry", m.GetFile())
		}
		if _, twice := hashes[f]; twice {
			return nil, fault.New(fault.InvalidRequest, "expected: %s is there twice", f)
		}
		d, err := artifact.ParseDigest(m.GetSha256())
		if err != nil {
			return nil, fault.New(fault.InvalidRequest, "expected: %s: %w", f, err)
		}
		hashes[f] = d
	}
	for _, f := range registry.FileNames() {
		if _, ok := hashes[f]; !ok {
			return nil, fault.New(fault.InvalidRequest, "expected: the hash of %s is missing", f)
		}
	}
	return hashes, nil
}

func addrsToProto(list []netip.AddrPort) (s []string) {
	for _, a := range list {
		s = append(s, a.String())
	}
	return s
}

func addrsOf(list []string) ([]netip.AddrPort, error) {
	addrs := make([]netip.AddrPort, 0, len(list))
	for _, s := range list {
		a, err := netip.ParseAddrPort(s)
		if err != nil {
			return nil, fault.New(fault.Internal, "the agent sends an address that is none: %w", err)
		}
		addrs = append(addrs, a)
	}
	return addrs, nil
}

// momentOf reads a time, zero for one that is not known.
func momentOf(m *timestamppb.Timestamp) (time.Time, error) {
	if m == nil {
		return time.Time{}, nil
	}
	if err := m.CheckValid(); err != nil {
		return time.Time{}, fault.New(fault.Internal, "the agent sends a time that is none: %w", err)
	}
	return m.AsTime(), nil
}

func factsToProto(f registry.Facts) *artifactv1.RegistryFacts {
	m := &artifactv1.RegistryFacts{
		Time:      timestamppb.New(f.At),
		Listeners: addrsToProto(f.Listeners),
		Api:       &artifactv1.RegistryApi{Status: uint32(f.API.Status), Error: f.API.Error, TimedOut: f.API.TimedOut},
		Storage:   &artifactv1.RegistryStorage{Exists: f.Storage.Exists, FreeBytes: uint64(max(0, f.Storage.Free))},
		Unread:    f.Unread,
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

// factsOf parses what an agent saw. Its words stay words; what is compared or
// counted must be what it claims to be.
func factsOf(m *artifactv1.RegistryFacts) (f registry.Facts, err error) {
	if err := m.GetTime().CheckValid(); err != nil {
		return registry.Facts{}, fault.New(fault.Internal, "the agent sends facts of no time: %w", err)
	}
	if status := m.GetApi().GetStatus(); status > 999 {
		return registry.Facts{}, fault.New(fault.Internal, "the agent sends %d as an HTTP status", status)
	}
	if free := m.GetStorage().GetFreeBytes(); free > math.MaxInt64 {
		return registry.Facts{}, fault.New(fault.Internal, "the agent sends %d free bytes", free)
	}
	f = registry.Facts{
		At:      m.GetTime().AsTime(),
		API:     registry.APIFacts{Status: int(m.GetApi().GetStatus()), Error: m.GetApi().GetError(), TimedOut: m.GetApi().GetTimedOut()},
		Storage: registry.StorageFacts{Exists: m.GetStorage().GetExists(), Free: int64(m.GetStorage().GetFreeBytes())},
		Unread:  m.GetUnread(),
	}
	if f.Listeners, err = addrsOf(m.GetListeners()); err != nil {
		return registry.Facts{}, err
	}
	if u := m.GetUnit(); u != nil {
		f.Unit = &registry.UnitFacts{
			Load: u.GetLoadState(), Active: u.GetActiveState(), File: u.GetFileState(), NeedsReload: u.GetNeedsReload(), DropIns: u.GetDropIns(),
		}
	}
	if e := m.GetEngine(); e != nil {
		f.Engine = &registry.EngineFacts{Version: e.GetVersion(), HasImage: e.GetHasImage()}
	}
	if c := m.GetContainer(); c != nil {
		f.Container = &registry.ContainerFacts{
			ID: c.GetId(), State: c.GetState(), Image: c.GetImage(), ImageID: c.GetImageId(), RepoDigests: c.GetRepoDigests(), Project: c.GetProject(),
			Restarts: int(c.GetRestarts()),
		}
		if f.Container.Created, err = momentOf(c.GetCreated()); err != nil {
			return registry.Facts{}, err
		}
		if f.Container.Published, err = addrsOf(c.GetPublished()); err != nil {
			return registry.Facts{}, err
		}
	}
	if f.Files, err = fileFactsOf(m.GetFiles()); err != nil {
		return registry.Facts{}, err
	}
	return f, nil
}

// fileFactsOf wants each of the files once, and a hash for each that is a file.
func fileFactsOf(list []*artifactv1.RegistryFileFact) (map[registry.FileName]registry.FileFacts, error) {
	files := make(map[registry.FileName]registry.FileFacts, len(list))
	for _, m := range list {
		name, known := fileOf(m.GetFile())
		state, stated := enumOf(m.GetState(), statePrefix)
		if _, twice := files[name]; !known || !stated || twice {
			return nil, fault.New(fault.Internal, "the agent sends file %d in state %d", m.GetFile(), m.GetState())
		}
		file := registry.FileFacts{Path: m.GetPath(), State: registry.FileState(state)}
		if (file.State == registry.Regular) != (m.GetSha256() != "") {
			return nil, fault.New(fault.Internal, "the agent sends %q as the hash of %s, which is %s", m.GetSha256(), name, state)
		}
		if err := file.Hash.UnmarshalText([]byte(m.GetSha256())); err != nil {
			return nil, fault.New(fault.Internal, "the agent sends the hash of %s: %w", name, err)
		}
		var err error
		if file.Changed, err = momentOf(m.GetChanged()); err != nil {
			return nil, err
		}
		files[name] = file
	}
	if len(files) != len(registry.FileNames()) {
		return nil, fault.New(fault.Internal, "the agent tells of %d files of %d", len(files), len(registry.FileNames()))
	}
	return files, nil
}

func progressToProto(p registry.Progress) *artifactv1.InstallProgress {
	return &artifactv1.InstallProgress{
		Step:   artifactv1.InstallStep(artifactv1.InstallStep_value[stepPrefix+string(p.Step)]),
		Target: p.Target, Changed: p.Changed, Kept: p.Kept,
	}
}

func progressOf(m *artifactv1.InstallProgress) (registry.Progress, error) {
	step, ok := enumOf(m.GetStep(), stepPrefix)
	if !ok {
		return registry.Progress{}, fault.New(fault.Internal, "the agent sends %d as a step", m.GetStep())
	}
	return registry.Progress{Step: registry.Step(step), Target: m.GetTarget(), Changed: m.GetChanged(), Kept: m.GetKept()}, nil
}

func installedToProto(i registry.Installed) *artifactv1.InstallResult {
	return &artifactv1.InstallResult{Changes: uint32(i.Changes), Facts: factsToProto(i.Facts)}
}

func installedOf(m *artifactv1.InstallResult) (registry.Installed, error) {
	f, err := factsOf(m.GetFacts())
	if err != nil {
		return registry.Installed{}, err
	}
	return registry.Installed{Changes: int(m.GetChanges()), Facts: f}, nil
}
