package proxy

import (
	"time"

	"google.golang.org/grpc/codes"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// Call is how a call ended.
type Call struct {
	// Method is "pkg.Service/Method", "" for one that the policy does not know:
	// what clients ask for must not name metrics.
	Method string
	Status codes.Code
	// Reason is why the Proxy refused it, "" for a call that it passed.
	Reason fault.Code
	Took   time.Duration
}

// Observer is told of the calls that a Proxy handles, by many goroutines at
// once; calls that the Proxy answers for itself, such as health, are not among
// them.
type Observer interface {
	Begin()
	End(Call)
}

type nobody struct{}

func (nobody) Begin()   {}
func (nobody) End(Call) {}
