package rpc

import (
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	artifactv1 "github.com/pikasTech/unidesk-artifact-cd/gen/unidesk/artifact/v1"
	"github.com/pikasTech/unidesk-artifact-cd/internal/artifact"
	"github.com/pikasTech/unidesk-artifact-cd/internal/plain"
)

// The enums of the contract carry their name as a prefix; outside this package
// their values go without it.
const (
	rolePrefix       = "ROLE_"
	capabilityPrefix = "CAPABILITY_"
	purposePrefix    = "PURPOSE_"
)

// ParseRole returns the contract's value of a role; RoleNone, and what is no
// role, is ROLE_UNSPECIFIED, which may do nothing.
func ParseRole(r Role) artifactv1.Role {
	return artifactv1.Role(artifactv1.Role_value[rolePrefix+strings.ToUpper(string(r))])
}

func roleOf(r artifactv1.Role) Role {
	if r == artifactv1.Role_ROLE_UNSPECIFIED {
		return RoleNone
	}
	return Role(strings.ToLower(strings.TrimPrefix(r.String(), rolePrefix)))
}

func platformToProto(p artifact.Platform) *artifactv1.Platform {
	return &artifactv1.Platform{Os: p.OS, Architecture: p.Architecture, Variant: p.Variant}
}

func platformOf(p *artifactv1.Platform) artifact.Platform {
	return artifact.Platform{OS: p.GetOs(), Architecture: p.GetArchitecture(), Variant: p.GetVariant()}
}

func descriptionToProto(d Description) *artifactv1.DescribeResponse {
	m := &artifactv1.DescribeResponse{
		Hostname: d.Hostname, AgentVersion: d.AgentVersion, CallerRole: ParseRole(d.CallerRole), CallerUid: d.CallerUID,
		Time: timestamppb.New(d.Time), Platform: platformToProto(d.Platform), ComposeVersion: d.ComposeVersion, Registry: plain.Line(d.Registry),
	}
	for _, c := range d.Capabilities {
		m.Capabilities = append(m.Capabilities, artifactv1.Capability(artifactv1.Capability_value[capabilityPrefix+string(c)]))
	}
	if d.Engine != nil {
		m.Engine = &artifactv1.Engine{Version: d.Engine.Version, ApiVersion: d.Engine.APIVersion}
	}
	for _, disk := range d.Disks {
		m.Disks = append(m.Disks, &artifactv1.Disk{
			Purpose:   artifactv1.Disk_Purpose(artifactv1.Disk_Purpose_value[purposePrefix+string(disk.Purpose)]),
			FreeBytes: disk.Free, TotalBytes: disk.Total,
		})
	}
	if c := d.Cluster; c != nil {
		m.Cluster = &artifactv1.Cluster{
			Version: c.Version, Runtime: c.Runtime, Account: c.Account, TokenExpires: momentToProto(c.TokenExpires),
			MissingRights: c.Missing, ExcessRights: c.Excess, Trouble: plain.Line(c.Trouble), Mirrors: visibleAll(c.Mirrors),
		}
	}
	return m
}

func descriptionOf(m *artifactv1.DescribeResponse) Description {
	d := Description{
		Hostname: m.GetHostname(), AgentVersion: m.GetAgentVersion(), CallerRole: roleOf(m.GetCallerRole()), CallerUID: m.GetCallerUid(),
		Time: m.GetTime().AsTime(), Platform: platformOf(m.GetPlatform()), ComposeVersion: m.GetComposeVersion(), Registry: plain.Line(m.GetRegistry()),
	}
	for _, c := range m.GetCapabilities() {
		d.Capabilities = append(d.Capabilities, Capability(strings.TrimPrefix(c.String(), capabilityPrefix)))
	}
	if e := m.GetEngine(); e != nil {
		d.Engine = &Engine{Version: e.GetVersion(), APIVersion: e.GetApiVersion()}
	}
	for _, disk := range m.GetDisks() {
		d.Disks = append(d.Disks, Disk{
			Purpose: DiskPurpose(strings.TrimPrefix(disk.GetPurpose().String(), purposePrefix)),
			Free:    disk.GetFreeBytes(), Total: disk.GetTotalBytes(),
		})
	}
	if c := m.GetCluster(); c != nil {
		d.Cluster = &Cluster{
			Version: plain.Line(c.GetVersion()), Runtime: plain.Line(c.GetRuntime()), Account: plain.Line(c.GetAccount()),
			Missing: visibleAll(c.GetMissingRights()), Excess: visibleAll(c.GetExcessRights()), Trouble: plain.Line(c.GetTrouble()),
			Mirrors: visibleAll(c.GetMirrors()),
		}
		if t := c.GetTokenExpires(); t.IsValid() {
			d.Cluster.TokenExpires = t.AsTime()
		}
	}
	return d
}

func imageToProto(i artifact.Image) *artifactv1.Image {
	return &artifactv1.Image{
		Repository: i.Repository.String(), Commit: i.Commit.String(), IndexDigest: i.Index.String(), ManifestDigest: i.Manifest.String(),
		ManifestMediaType: i.ManifestMediaType, Manifest: i.ManifestBytes, Config: i.ConfigBytes,
	}
}

// image parses an image that a peer sent, and hashes everything that has a digest.
func (f *fields) image(m *artifactv1.Image) artifact.Image {
	raw := artifact.Raw{
		Repository: f.repository("image.repository", m.GetRepository()), Commit: f.commit("image.commit", m.GetCommit()),
		Index: f.optionalDigest("image.index_digest", m.GetIndexDigest()), Manifest: f.digest("image.manifest_digest", m.GetManifestDigest()),
		ManifestMediaType: m.GetManifestMediaType(), ManifestBytes: m.GetManifest(), ConfigBytes: m.GetConfig(),
	}
	if f.err != nil {
		return artifact.Image{}
	}
	img, err := artifact.ParseImage(raw)
	f.err = err // with its own reason: what hashes to another digest is not a malformed field
	return img
}
