// Package serverconfig reads how a Temporal server is set up for JWT
// authorization, from what its operator has: the static YAML file, with or
// without templates, Helm values, a compose file, and .env files. It finds
// what the server would read, not what was meant: keys in another spelling are
// passed over, as the server does, and reported as such.
//
// It runs nothing and asks nothing. Of jwtctl it imports fault, finding and
// quote.
package serverconfig

import (
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/finding"
)

// Value is a setting, and where it is set.
type Value struct {
	Text string
	// Set says that it is there, though it may be empty.
	Set bool
	At  finding.Position
}

// Form is a kind of configuration.
type Form string

// The forms. A container is set up by variables, from which its template makes a
// static configuration.
const (
	Static    Form = "static configuration"
	Helm      Form = "Helm values"
	Container Form = "container variables"
)

// Config is the set-up of one server.
type Config struct {
	Form Form
	// At is the authorization section, or the server's container.
	At finding.Position

	Authorizer, ClaimMapper     Value
	ClaimName, Regex, Audience  Value
	AuthHeader, AuthExtraHeader Value
	Sources                     []Value
	RefreshInterval             Value
	InternalFrontend            Value // set if one is configured
	PublicClient                Value
	Version                     Value            // of the image
	Services                    map[string]Value // SERVICES and TEMPORAL_SERVICES of the container
	Unread                      []Value          // keys of the section that the server does not know; the text is the key
	Variables, UI               map[string]Value // of the server's containers, and of the Web UI's
	HasUI                       bool             // a Web UI is part of it
	Missing                     []string         // variables that a template reads and nothing sets
	Problem                     error            // why the server would not start with this, nil if it would

	expanded int // bytes that variables made

	open         func(path string) ([]byte, error)
	envFilesRead int
}

// Authorizes reports whether the server checks tokens at all, and if not, why.
func (c *Config) Authorizes() (bool, string) {
	switch {
	case c.Authorizer.Text == "":
		return false, "no authorizer is set, so the server allows every call"
	case c.ClaimMapper.Text == "":
		return false, "no claimMapper is set, so the server takes every caller for an administrator"
	}
	return true, ""
}

// Unset returns the variables about authorization that a template reads, if none
// of them is given.
func (c *Config) Unset() []string {
	if len(c.Variables) > 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(c.Missing), func(name string) bool {
		return !strings.HasPrefix(name, "TEMPORAL_JWT_") && !strings.HasPrefix(name, "TEMPORAL_AUTH_")
	})
}

// keysOf are the keys of the authorization section, as the server spells them.
func (c *Config) keysOf() map[string]*Value {
	return map[string]*Value{
		"authorizer": &c.Authorizer, "claimMapper": &c.ClaimMapper, "permissionsClaimName": &c.ClaimName, "permissionsRegex": &c.Regex,
		"audience": &c.Audience, "authHeaderName": &c.AuthHeader, "authExtraHeaderName": &c.AuthExtraHeader,
	}
}

// Nearest returns the known key that key was most likely meant to be, "" for
// none: they differ in case, - and _ alone.
func Nearest(key string, known []string) string {
	plain := func(s string) string { return strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(s)) }
	for _, k := range known {
		if a, b := plain(k), plain(key); a == b || strings.TrimSuffix(a, "s") == strings.TrimSuffix(b, "s") || strings.Replace(a, "permissions", "permission", 1) == b {
			return k
		}
	}
	return ""
}

// Keys returns the keys that a server reads in the authorization section.
func Keys() []string {
	return []string{
		"jwtKeyProvider", "keySourceURIs", "refreshInterval", "permissionsClaimName", "permissionsRegex",
		"authorizer", "claimMapper", "authHeaderName", "authExtraHeaderName", "audience",
	}
}
