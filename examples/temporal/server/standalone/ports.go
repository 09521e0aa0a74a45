package standalone

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"

	"go.temporal.io/server/common/config"
)

// DefaultPort is the port of the frontend that config.yaml names, Temporal's usual one.
const DefaultPort = 7233

// portsBelow and portsAbove say how far the other ports lie from the frontend's.
const (
	portsBelow = 300
	portsAbove = 10
)

// movePorts shifts every port by the same amount, so that one number is enough to run a second server.
func movePorts(cfg *config.Config, port int) error {
	if port <= portsBelow || port > 65535-portsAbove {
		return fmt.Errorf("port %d: want %d to %d, since the other services use ports around it",
			port, portsBelow+1, 65535-portsAbove)
	}
	shift := port - DefaultPort
	for name, service := range cfg.Services {
		service.RPC.GRPCPort += shift
		service.RPC.MembershipPort += shift
		if service.RPC.HTTPPort != 0 {
			service.RPC.HTTPPort += shift
		}
		cfg.Services[name] = service
	}
	for name, cluster := range cfg.ClusterMetadata.ClusterInformation {
		cluster.RPCAddress = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		cfg.ClusterMetadata.ClusterInformation[name] = cluster
	}
	return nil
}

// allPorts returns every port a server with this configuration listens on.
func allPorts(cfg *config.Config) []int {
	var ports []int
	for _, service := range cfg.Services {
		ports = append(ports, service.RPC.GRPCPort, service.RPC.MembershipPort)
		if service.RPC.HTTPPort != 0 {
			ports = append(ports, service.RPC.HTTPPort)
		}
	}
	return ports
}

// FreePort returns a frontend port around which all ports of a server are free at this moment. It stays below the range
// that systems take the ports of outgoing connections from, so that no such connection gets in between.
func FreePort() (int, error) {
	const lowest, highest, step = 10_000, 32_000, 20
	for range 100 {
		port := lowest + step*rand.IntN((highest-lowest)/step)
		cfg, err := Config(Options{JWKS: []string{"http://127.0.0.1/"}, Port: port})
		if err != nil {
			return 0, err
		}
		if CheckPorts(cfg) == nil {
			return port, nil
		}
	}
	return 0, errors.New("no free ports")
}

// CheckPorts returns an error naming the first port of a server with this configuration that is taken. The server itself
// would end the process there.
func CheckPorts(cfg *config.Config) error {
	for _, port := range allPorts(cfg) {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return err
		}
		defer l.Close() // hold all of them until the last is tried
	}
	return nil
}
