package command

import (
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// withFlagRemedy returns f with its remedy described by flags and commands of jwtctl. A hint
// that was set later is kept.
func withFlagRemedy(f *fault.Error) *fault.Error {
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
		return "pass it with --passphrase env:NAME or @FILE"
	case fault.WriteJWK:
		return "use --format jwk"
	case fault.OneKeyPerFile:
		return "keep one key per file, and repeat --key"
	case fault.UniqueKeyIDs:
		return `give each key its own id: --kid, or "kid" in a JWK`
	case fault.NameScope:
		return "use --system, or the scope temporal-system"
	case fault.NameNamespaces:
		return "name each namespace, or use --system"
	case fault.GiveClaim:
		return `set the claim yourself: --claim-json 'permissions=["…"]'`
	case fault.Unsigned:
		return "unsigned tokens are for development only: --dev accepts them"
	case fault.TrustCA:
		return "to trust your own CA, use --ca-cert FILE"
	case fault.UseHTTPS:
		return "use https, or accept the risk with --allow-http"
	case fault.NameSources:
		return "pass .proto files with --proto, or list them under protos:"
	case fault.StartRotation:
		return "make one with jwtctl rotate --key-dir " + quote.ShellPath(f.What) + "; it prints when the key starts to sign"
	case fault.WriteElsewhere:
		return "use --force to overwrite it, or -o for another file"
	case fault.RaiseMaxInput:
		return "raise the limit with --max-input SIZE, or use fewer files, or a set without source info"
	}
	return ""
}
