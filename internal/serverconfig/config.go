// Package serverconfig reads how a Temporal server is set up for JWT authorization from
// its operator's files: the static YAML file, with or without templates, Helm values, a
// compose file, and .env files. It finds what the server would read rather than what was
// meant: keys in another spelling are ignored, as by the server, and reported.
//
// It runs no programs and uses no network.
package serverconfig

import (
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/finding"
)

// Value is a setting with its position.
type Value struct {
	Text string
	// Set is true if it is present, even if empty.
	Set bool
	Pos finding.Position
}

// Form is a kind of configuration.
type Form string

// The forms. A container is configured by variables, from which its template makes a
// static configuration.
const (
	Static    Form = "static configuration"
	Helm      Form = "Helm values"
	Container Form = "container variables"
)

// Config is the setup of one server.
type Config struct {
	Form Form
	// Pos is the authorization section, or the server's container.
	Pos finding.Position

	Authorizer, ClaimMapper     Value
	ClaimName, Regex, Audience  Value
	AuthHeader, AuthExtraHeader Value
	Sources                     []Value
	RefreshInterval             Value
	InternalFrontend            Value // set if one is configured
	PublicClient                Value
	Version                     Value            // of the image
	Services                    map[string]Value // unknown to the server; the text is the key
	Unread                      []Value          // keys of the section that the server does not know; the text is the key
	Variables, UI               map[string]Value // of the server's containers, and of the Web UI's
	HasUI                       bool             // it includes a Web UI
	Missing                     []string         // variables that a template reads and nothing sets
	Problem                     error            // why the server would not start, or nil

	expanded int // bytes produced by variables

	open         func(path string) ([]byte, error)
	envFilesRead int
}

// Authorizes reports whether the server checks tokens at all, and the reason if not.
func (c *Config) Authorizes() (bool, string) {
	switch {
	case c.Authorizer.Text == "":
		return false, "no authorizer is set, so the server allows every call"
	case c.ClaimMapper.Text == "":
		return false, "no claimMapper is set, so the server treats every caller as an administrator"
	}
	return true, ""
}

// Unset returns the variables about authorization that a template reads, if none of them
// is set.
func (c *Config) Unset() []string {
	if len(c.Variables) > 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(c.Missing), func(name string) bool {
		return !strings.HasPrefix(name, "TEMPORAL_JWT_") && !strings.HasPrefix(name, "TEMPORAL_AUTH_")
	})
}

// settingsByKey returns the keys of the authorization section in the server's spelling.
func (c *Config) settingsByKey() map[string]*Value {
	return map[string]*Value{
		"authorizer": &c.Authorizer, "claimMapper": &c.ClaimMapper, "permissionsClaimName": &c.ClaimName, "permissionsRegex": &c.Regex,
		"audience": &c.Audience, "authHeaderName": &c.AuthHeader, "authExtraHeaderName": &c.AuthExtraHeader,
	}
}

// Nearest returns the known key that was probably meant, which differs only in case, -
// and _; or "".
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
