package standalone

import (
	"errors"
	"fmt"
	"io"
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
	// portStep is the distance between ports of FreePort: a server uses fewer in a row, above the frontend's and below.
	portStep = 20
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
// that systems take the ports of outgoing connections from, so that no such connection gets in between. Until the
// reservation is closed, FreePort returns no port whose server would be in the way, in any process: a server takes a
// while to listen.
func FreePort() (port int, reservation io.Closer, err error) {
	const lowest, highest = 10_000, 32_000
	for range 100 {
		port := lowest + portStep*rand.IntN((highest-lowest)/portStep)
		cfg, err := Config(Options{JWKS: []string{"http://127.0.0.1/"}, Port: port})
		if err != nil {
			return 0, nil, err
		}
		if r, free := reserve(port); free {
			if CheckPorts(cfg) == nil {
				return port, r, nil
			}
			_ = r.Close()
		}
	}
	return 0, nil, errors.New("no free ports")
}

// reservation listens on the last port of both ranges of a server, which no server uses.
type reservation struct{ below, above net.Listener }

func reserve(port int) (r reservation, free bool) {
	var err error
	if r.below, err = listen(port - portsBelow + portStep - 1); err != nil {
		return r, false
	}
	if r.above, err = listen(port + portStep - 1); err != nil {
		_ = r.below.Close()
		return r, false
	}
	return r, true
}

func (r reservation) Close() error { return errors.Join(r.below.Close(), r.above.Close()) }

func listen(port int) (net.Listener, error) {
	return net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
}

// CheckPorts returns an error naming the first port of a server with this configuration that is taken. The server itself
// would end the process there.
func CheckPorts(cfg *config.Config) error {
	for _, port := range allPorts(cfg) {
		l, err := listen(port)
		if err != nil {
			return err
		}
		defer l.Close() // hold all of them until the last is tried
	}
	return nil
}
