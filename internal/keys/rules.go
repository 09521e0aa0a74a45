package keys

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// Rules are additional requirements for all tokens of an issuer. The zero value requires
// nothing.
type Rules struct {
	// Audiences, if not empty, lists accepted audiences; aud must hold one of them.
	Audiences []string
	// Type, if not empty, is the required typ header (RFC 8725 section 3.11); case and
	// the prefix application/ are ignored.
	Type string
	// MaxLifetime, if not 0, requires iat and exp, at most this far apart.
	MaxLifetime time.Duration
	// MaxAge, if not 0, requires an iat that is not older.
	MaxAge time.Duration
	// RequireExpiry requires exp.
	RequireExpiry bool
}

// IsZero reports whether r requires nothing.
func (r Rules) IsZero() bool { return r.Equal(Rules{}) }

// OrNil returns r, or nil if it requires nothing.
func (r Rules) OrNil() *Rules {
	if r.IsZero() {
		return nil
	}
	return &r
}

// Equal reports whether r and o require the same; the order of audiences is ignored.
func (r Rules) Equal(o Rules) bool {
	return r.Type == o.Type && r.MaxLifetime == o.MaxLifetime && r.MaxAge == o.MaxAge && r.RequireExpiry == o.RequireExpiry &&
		slices.Equal(sorted(r.Audiences), sorted(o.Audiences))
}

func sorted(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }

// Validate returns a usage error for rules that look like a check but check nothing: an
// empty audience, an empty list of audiences, and negative durations (S37, S87).
func (r Rules) Validate() error {
	switch {
	case r.Audiences != nil && len(r.Audiences) == 0, slices.Contains(r.Audiences, ""):
		return fault.New(fault.UsageError, "audiences", "an audience is missing or empty").WithHint("leave them out to accept any")
	case r.MaxLifetime < 0:
		return fault.New(fault.UsageError, "max-lifetime", "must not be negative (got %s)", quote.Duration(r.MaxLifetime))
	case r.MaxAge < 0:
		return fault.New(fault.UsageError, "max-age", "must not be negative (got %s)", quote.Duration(r.MaxAge))
	}
	return nil
}

// Rules returns the requirements for tokens signed by k.
func (k *Key) Rules() Rules { return k.rules }

// Words returns each rule in words, using the names of jwtctl.yaml.
func (r Rules) Words() []string {
	var list []string
	if len(r.Audiences) > 0 {
		list = append(list, "aud "+strings.Join(shortened(r.Audiences), " or "))
	}
	if r.Type != "" {
		list = append(list, "type "+quote.Shorten(r.Type))
	}
	if r.MaxAge > 0 {
		list = append(list, "max_age "+quote.Duration(r.MaxAge))
	}
	if r.MaxLifetime > 0 {
		list = append(list, "max_lifetime "+quote.Duration(r.MaxLifetime))
	}
	if r.RequireExpiry {
		list = append(list, "require_expiry")
	}
	return list
}

// MarshalJSON returns the rules with the names of jwtctl.yaml.
func (r Rules) MarshalJSON() ([]byte, error) {
	duration := func(d time.Duration) string {
		if d == 0 {
			return ""
		}
		return quote.Duration(d)
	}
	return json.Marshal(struct {
		Audiences     []string `json:"audiences,omitempty"`
		Type          string   `json:"type,omitempty"`
		MaxAge        string   `json:"max_age,omitempty"`
		MaxLifetime   string   `json:"max_lifetime,omitempty"`
		RequireExpiry bool     `json:"require_expiry,omitempty"`
	}{r.Audiences, r.Type, duration(r.MaxAge), duration(r.MaxLifetime), r.RequireExpiry})
}

func shortened(list []string) []string {
	out := make([]string, len(list))
	for i, text := range list {
		out[i] = quote.Shorten(text)
	}
	return out
}
