package release

import (
	"os"
	"testing"

	"github.com/jwtctl/jwtctl/internal/testkit"
)

func TestMain(m *testing.M) {
	testkit.OwnEnvironment()
	os.Exit(m.Run())
}
