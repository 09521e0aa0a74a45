package input

import (
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/token"
)

// NamedClaims parses values of flag, each NAME=VALUE, with parse.
func NamedClaims(flag string, values []string, parse func(name, value string) (token.Claim, error)) (list []token.Claim, err error) {
	for _, text := range values {
		name, value, found := strings.Cut(text, "=")
		if !found || name == "" {
			return nil, fault.New(fault.UsageError, flag, "%q is not NAME=VALUE", quote.Shorten(text))
		}
		c, err := parse(name, value)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}
