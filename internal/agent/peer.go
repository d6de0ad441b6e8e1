package agent

import (
	"context"
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
)

// peerCredentials are gRPC's transport credentials for a unix socket: who calls is
// what the kernel recorded at connect(2) (unix(7), SO_PEERCRED). The process id
// beside it is of no use: it may be another process's by now.
type peerCredentials struct {
	uid   func(net.Conn) (uint32, error)
	roles roles
}

// caller is the account at the other end.
type caller struct {
	credentials.CommonAuthInfo
	uid  uint32
	role rpc.Role
	// hangUp closes the connection.
	hangUp func() error
}

// AuthType names the mechanism.
func (caller) AuthType() string { return "unix-peer" }

// callerOf returns who makes a call, or a caller that may do nothing if that is unknown.
func callerOf(ctx context.Context) caller {
	if p, ok := peer.FromContext(ctx); ok {
		if c, ok := p.AuthInfo.(caller); ok {
			return c
		}
	}
	return caller{uid: ^uint32(0), role: rpc.RoleNone, hangUp: func() error { return nil }}
}

// ServerHandshake implements credentials.TransportCredentials.
func (p peerCredentials) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	uid, err := p.uid(conn)
	if err != nil {
		return nil, nil, err
	}
	return conn, caller{
		CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity},
		uid:            uid, role: p.roles[uid], hangUp: conn.Close,
	}, nil
}

// ClientHandshake implements credentials.TransportCredentials; an agent is no client.
func (peerCredentials) ClientHandshake(context.Context, string, net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errors.New("server credentials")
}

// Info implements credentials.TransportCredentials.
func (peerCredentials) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "unix-peer"}
}

// Clone implements credentials.TransportCredentials.
func (p peerCredentials) Clone() credentials.TransportCredentials { return p }

// OverrideServerName implements credentials.TransportCredentials.
func (peerCredentials) OverrideServerName(string) error { return nil }

// socketUID asks the kernel who connected.
func socketUID(conn net.Conn) (uint32, error) {
	if c, ok := conn.(*countedConn); ok {
		return c.uid, nil
	}
	uc, ok := conn.(*net.UnixConn)
	if !ok {
		return 0, fmt.Errorf("a connection of type %T has no peer account", conn)
	}
	raw, err := uc.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	var credErr error
	if err := raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return 0, err
	}
	if credErr != nil {
		return 0, fmt.Errorf("SO_PEERCRED: %w", credErr)
	}
	return cred.Uid, nil
}
