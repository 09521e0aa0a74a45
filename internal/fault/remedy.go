package fault

// Remedy is what helps against a fault, in words that hold for any program. Its
// text is the hint of the fault; the command line says it by its flags instead.
type Remedy string

// The remedies of packages that know no command line.
const (
	MakeSecret     Remedy = "make a longer secret"
	MakeKeyPair    Remedy = "make an asymmetric key, such as one for ES256"
	GivePassphrase Remedy = "give its passphrase"
	WriteJWK       Remedy = "write it as a JWK"
	OneKeyAFile    Remedy = "keep one key in a file, and give several files"
	OneKeyAnID     Remedy = "give each key an id of its own"
	NameScope      Remedy = "the scope of the cluster is temporal-system"
	NameNamespaces Remedy = "name each namespace, or the cluster by temporal-system"
	GiveClaim      Remedy = "give the whole claim yourself"
	Unsigned       Remedy = "unsigned tokens are for development alone"
	TrustCA        Remedy = "trust its CA if that is one of your own"
	UseHTTPS       Remedy = "use https, or accept the risk"
	NameSources    Remedy = ".proto files are given as sources"
	StartRotation  Remedy = "let rotation make one: it says from when the key signs"
	WriteElsewhere Remedy = "remove it, or write to another file"
	RaiseInput     Remedy = "name fewer files, make the set without source info, or raise the limit"
)

// Remedies returns all of them.
func Remedies() []Remedy {
	return []Remedy{
		MakeSecret, MakeKeyPair, GivePassphrase, WriteJWK, OneKeyAFile, OneKeyAnID, NameScope, NameNamespaces,
		GiveClaim, Unsigned, TrustCA, UseHTTPS, NameSources, StartRotation, WriteElsewhere, RaiseInput,
	}
}

// WithRemedy returns a copy of e that says what helps.
func (e *Error) WithRemedy(r Remedy) *Error {
	c := *e
	c.Hint, c.Remedy = string(r), r
	return &c
}
