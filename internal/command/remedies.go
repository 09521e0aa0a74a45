package command

import (
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// byFlags returns f with its remedy described by flags and commands of jwtctl. A hint
// that was set later is kept.
func byFlags(f *fault.Error) *fault.Error {
	if f.Remedy == "" || f.Hint != string(f.Remedy) {
		return f
	}
	if text := flagsOf(f); text != "" {
		return f.WithHint("%s", text)
	}
	return f
}

// flagsOf returns how to apply the remedy of f on the command line, or "" if its own
// words suffice.
func flagsOf(f *fault.Error) string {
	switch f.Remedy {
	case fault.MakeSecret:
		return "make one: jwtctl keygen --alg HS256"
	case fault.MakeKeyPair:
		return "make another key: jwtctl keygen --alg ES256"
	case fault.GivePassphrase:
		return "--passphrase env:NAME or @FILE gives it"
	case fault.WriteJWK:
		return "use --format jwk"
	case fault.OneKeyAFile:
		return "keep one key in a file; give several files with --key"
	case fault.OneKeyAnID:
		return `give each key an id of its own: --kid, or "kid" in a JWK`
	case fault.NameScope:
		return "use --system, or the scope temporal-system"
	case fault.NameNamespaces:
		return "name each namespace, or use --system"
	case fault.GiveClaim:
		return `give the claim yourself: --claim-json 'permissions=["…"]'`
	case fault.Unsigned:
		return "only --dev, for development, accepts unsigned tokens"
	case fault.TrustCA:
		return "if its CA is one of your own, --ca-cert FILE trusts it"
	case fault.UseHTTPS:
		return "use https; --allow-http accepts the risk"
	case fault.NameSources:
		return "name sources with --proto, or under protos:"
	case fault.StartRotation:
		return "jwtctl rotate --key-dir " + quote.ShellPath(f.What) + " makes one and says from when it signs"
	case fault.WriteElsewhere:
		return "--force replaces it; -o writes somewhere else"
	case fault.RaiseInput:
		return "--max-input SIZE raises the limit; fewer files, or a set without source info, stay below it"
	}
	return ""
}
