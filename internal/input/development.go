package input

import (
	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/keys"
)

// DevelopmentID is the ID of the development key (A90).
const DevelopmentID = "dev"

// DevelopmentKey returns the key of --dev.
func DevelopmentKey(d command.Deps) *keys.Key {
	issuer, _ := d.System.Getenv("JWT_DEV_SECRET_ISSUER") // A90
	return keys.Development(issuer)
}
