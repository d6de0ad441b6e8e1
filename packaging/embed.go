// Package packaging holds what a host gets beside the agent's binary: its units,
// its group, its socket's folder. The controller carries these files, so that a
// host needs nothing but ssh to get them; the Debian package takes the same ones.
package packaging

import "embed"

//go:embed unidesk-agent.service unidesk-agent.socket unidesk-agent.sysusers.conf unidesk-agent.tmpfiles.conf
var files embed.FS

// AgentPath is where the agent's binary belongs. The units and ssh rely on it.
const AgentPath = "/usr/bin/unidesk-agent"

// File is a file and where it belongs on the agent's host. All of them are root's,
// with mode 0644.
type File struct {
	Path    string
	Content []byte
}

// Files are the agent's files, in the order in which they are put there.
func Files() []File {
	list := []File{
		{Path: "/usr/lib/sysusers.d/unidesk-agent.conf"},
		{Path: "/usr/lib/tmpfiles.d/unidesk-agent.conf"},
		{Path: "/usr/lib/systemd/system/unidesk-agent.socket"},
		{Path: "/usr/lib/systemd/system/unidesk-agent.service"},
	}
	for i, name := range []string{"sysusers.conf", "tmpfiles.conf", "socket", "service"} {
		content, err := files.ReadFile("unidesk-agent." + name)
		if err != nil {
			panic(err) // embedded above
		}
		list[i].Content = content
	}
	return list
}
