package fault

// Remedy is a standard hint, worded so that it holds for any program. The command line
// replaces it with one that names flags.
type Remedy string

// Remedies used by packages that do not know the command line.
const (
	MakeSecret     Remedy = "use a longer secret"
	MakeKeyPair    Remedy = "use an asymmetric key, such as one for ES256"
	GivePassphrase Remedy = "pass its passphrase"
	WriteJWK       Remedy = "write it as a JWK"
	OneKeyPerFile  Remedy = "keep one key per file"
	UniqueKeyIDs   Remedy = "give each key its own id"
	NameScope      Remedy = "the scope of the cluster is temporal-system"
	NameNamespaces Remedy = "name each namespace, or the cluster by temporal-system"
	GiveClaim      Remedy = "set the whole claim yourself"
	Unsigned       Remedy = "unsigned tokens are for development only"
	TrustCA        Remedy = "trust its CA if it is your own"
	UseHTTPS       Remedy = "use https, or accept the risk"
	NameSources    Remedy = "pass .proto files as sources"
	StartRotation  Remedy = "let rotation make one; it reports when the key starts to sign"
	WriteElsewhere Remedy = "remove it, or write to another file"
	RaiseMaxInput  Remedy = "use fewer files, a set without source info, or a higher limit"
)

// Remedies returns all remedies.
func Remedies() []Remedy {
	return []Remedy{
		MakeSecret, MakeKeyPair, GivePassphrase, WriteJWK, OneKeyPerFile, UniqueKeyIDs, NameScope, NameNamespaces,
		GiveClaim, Unsigned, TrustCA, UseHTTPS, NameSources, StartRotation, WriteElsewhere, RaiseMaxInput,
	}
}

// WithRemedy returns a copy of e with r as its hint.
func (e *Error) WithRemedy(r Remedy) *Error {
	c := *e
	c.Hint, c.Remedy = string(r), r
	return &c
}
