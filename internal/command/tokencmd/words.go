package tokencmd

import (
	"errors"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// claimFlags are the flags that set a claim, headerFlags those that set a header member,
// for errors of libraries, which do not know flags.
func claimFlags() map[string]string {
	return map[string]string{
		"sub": "--sub", "iss": "--iss", "aud": "--aud", "exp": "--ttl", "iat": "--iat", "nbf": "--nbf", "jti": "--jti",
		"permissions": "--system, --namespace or --permission",
	}
}

func headerFlags() map[string]string {
	return map[string]string{"alg": "--alg", "kid": "--kid", "typ": "--typ"}
}

// withFlags adds the helpful flag to the hint of an error about claims.
func withFlags(err error) error {
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != fault.UsageError {
		return err
	}
	switch {
	case strings.HasPrefix(f.Hint, "a token cannot be revoked"):
		return f.WithHint("%s; raise the limit with --max-ttl", f.Hint)
	case f.What == "claims" && strings.HasPrefix(f.Reason, "exp is in the past"):
		return f.WithHint("set a new one with --ttl 10m")
	case f.What == "claim-json" && f.Hint != "":
		return f.WithHint("%s; or use --claim", f.Hint)
	case f.What == "claim" && strings.Contains(f.Reason, "is not a number"):
		return f.WithHint("--claim sets text; use --claim-json")
	}
	return err
}

// withLifetime adds a sufficient --ttl to the error for an nbf after exp.
func (o tokenOptions) withLifetime(err error) error {
	var f *fault.Error
	if o.notBefore <= 0 || !errors.As(err, &f) || f.What != "nbf" {
		return err
	}
	return f.WithHint("exp counts from now, not from nbf: use --ttl %s", o.notBefore+plainLifetime)
}
