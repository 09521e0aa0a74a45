// Package agent finds keys in an SSH agent and signs with them
// (draft-ietf-sshm-ssh-agent). The private keys stay in the agent, or in the token behind
// it: a smart card, TPM or HSM loaded with ssh-add -s. Package keys reads OpenSSH key
// files.
package agent

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"io"
	"math/big"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	sshagent "golang.org/x/crypto/ssh/agent"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// Prefix starts the name of a key in an agent: agent:SHA256:… by fingerprint,
// agent:COMMENT by comment.
const Prefix = "agent:"

// timeout limits one exchange with the agent, in which a person may have to confirm or
// touch something.
const timeout = 2 * time.Minute

// Find returns the key called name of the agent that listens on socket, the value of
// $SSH_AUTH_SOCK. The key gets a's ID, Algorithm and Issuer.
//
// Errors are key_unreadable if there is no agent, no response or no such key;
// key_ambiguous if several keys have the comment; key_type_unsupported for a key that
// cannot make JWS signatures.
func Find(socket, name string, a keys.Attributes) (*keys.Key, error) {
	a.Source = name
	want := strings.TrimPrefix(name, Prefix)
	if want == "" {
		return nil, fault.New(fault.UsageError, name, "does not name a key").WithHint("use agent:COMMENT or agent:SHA256:…, as printed by ssh-add -l")
	}
	var listed []*sshagent.Key
	err := withAgent(socket, name, func(c sshagent.ExtendedAgent) (err error) {
		listed, err = c.List()
		return err
	})
	if err != nil {
		return nil, err
	}
	var found []*sshagent.Key
	for _, k := range listed {
		if ssh.FingerprintSHA256(k) == want || k.Comment == want {
			found = append(found, k)
		}
	}
	switch {
	case len(listed) == 0:
		return nil, fault.New(fault.KeyUnreadable, name, "the agent has no keys, or is locked").WithHint("list its keys with ssh-add -l, unlock it with ssh-add -X")
	case len(found) == 0:
		return nil, fault.New(fault.KeyUnreadable, name, "the agent has no such key").WithHint("the agent has %s", describeKeys(listed))
	case len(found) > 1:
		return nil, fault.New(fault.KeyAmbiguous, name, "several keys in the agent have this comment").WithHint("use a fingerprint: %s", describeKeys(found))
	}
	return newKey(socket, found[0], a)
}

// describeKeys lists keys as --key accepts them, up to a limit.
func describeKeys(list []*sshagent.Key) string {
	const most = 5
	var names []string
	for _, k := range list[:min(most, len(list))] {
		names = append(names, Prefix+ssh.FingerprintSHA256(k)+" ("+quote.Shorten(k.Comment)+", "+quote.Shorten(k.Format)+")")
	}
	if len(list) > most {
		names = append(names, "…")
	}
	return strings.Join(names, ", ")
}

func newKey(socket string, k *sshagent.Key, a keys.Attributes) (*keys.Key, error) {
	unsupported := func(reason string) error {
		return fault.New(fault.KeyTypeUnsupported, a.Source, "%s (%s)", reason, quote.Shorten(k.Format))
	}
	if strings.HasPrefix(k.Format, "sk-") {
		return nil, unsupported("security keys add their own data to what they sign, which a JWS does not allow")
	}
	parsed, err := ssh.ParsePublicKey(k.Blob)
	if err != nil {
		return nil, unsupported("cannot be read")
	}
	public, isCrypto := parsed.(ssh.CryptoPublicKey)
	if !isCrypto {
		return nil, unsupported("cannot make JWS signatures")
	}
	var algs []keys.Algorithm
	material := public.CryptoPublicKey()
	switch p := material.(type) {
	case *ecdsa.PublicKey:
		algs = []keys.Algorithm{keys.ES256, keys.ES384, keys.ES512}
	case *rsa.PublicKey:
		algs = []keys.Algorithm{keys.RS256, keys.RS512} // RFC 8332 has no flag for RS384
	case ed25519.PublicKey:
		algs = []keys.Algorithm{keys.EdDSA, keys.Ed25519}
	default:
		_ = p
		return nil, unsupported("cannot make JWS signatures")
	}
	return keys.NewRemote(material, &signer{socket: socket, key: parsed, public: material, source: a.Source}, algs, a)
}

// signer is a keys.Remote.
type signer struct {
	socket string
	key    ssh.PublicKey
	public crypto.PublicKey
	source string
}

// SignMessage returns the agent's signature in JWS form. The caller verifies it.
func (s *signer) SignMessage(alg keys.Algorithm, message []byte) ([]byte, error) {
	var flags sshagent.SignatureFlags
	switch alg {
	case keys.RS256:
		flags = sshagent.SignatureFlagRsaSha256
	case keys.RS512:
		flags = sshagent.SignatureFlagRsaSha512
	}
	var signature *ssh.Signature
	err := withAgent(s.socket, s.source, func(c sshagent.ExtendedAgent) (err error) {
		signature, err = c.SignWithFlags(s.key, message, flags)
		return err
	})
	if err != nil {
		return nil, err
	}
	made, ok := toJWS(signature, s.public)
	if !ok {
		return nil, fault.New(fault.KeyInvalid, s.source, "the agent returned a signature of the wrong kind (%s)", quote.Shorten(signature.Format))
	}
	return made, nil
}

// toJWS converts a signature to the form of RFC 7518 section 3.
func toJWS(signature *ssh.Signature, public crypto.PublicKey) ([]byte, bool) {
	switch p := public.(type) {
	case *ecdsa.PublicKey:
		var numbers struct{ R, S *big.Int } // RFC 5656 section 3.1.2
		if ssh.Unmarshal(signature.Blob, &numbers) != nil {
			return nil, false
		}
		size := map[elliptic.Curve]int{elliptic.P256(): 32, elliptic.P384(): 48, elliptic.P521(): 66}[p.Curve]
		if numbers.R.Sign() <= 0 || numbers.S.Sign() <= 0 || numbers.R.BitLen() > 8*size || numbers.S.BitLen() > 8*size {
			return nil, false
		}
		return slices.Concat(numbers.R.FillBytes(make([]byte, size)), numbers.S.FillBytes(make([]byte, size))), true
	case *rsa.PublicKey:
		if len(signature.Blob) > p.Size() || !slices.Contains([]string{ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512}, signature.Format) {
			return nil, false
		}
		return append(make([]byte, p.Size()-len(signature.Blob)), signature.Blob...), true // some omit leading zeros
	}
	return signature.Blob, len(signature.Blob) == ed25519.SignatureSize
}

// withAgent calls exchange with the agent on socket.
func withAgent(socket, what string, exchange func(sshagent.ExtendedAgent) error) error {
	if socket == "" {
		return fault.New(fault.KeyUnreadable, what, "no SSH agent: SSH_AUTH_SOCK is not set").WithHint("start one with eval \"$(ssh-agent)\", then add a key with ssh-add FILE")
	}
	conn, err := net.DialTimeout("unix", socket, 5*time.Second)
	if err != nil {
		return fault.New(fault.KeyUnreadable, what, "cannot reach the agent: %w", reason(err)).WithHint("check that SSH_AUTH_SOCK belongs to a running agent")
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return fault.New(fault.KeyUnreadable, what, "cannot reach the agent: %w", reason(err))
	}
	err = exchange(sshagent.NewClient(conn))
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF):
		return fault.New(fault.KeyUnreadable, what, "the agent closed the connection")
	case strings.Contains(err.Error(), "sign challenge"), strings.Contains(err.Error(), "failure"):
		return fault.New(fault.KeyUnreadable, what, "the agent refused: it is locked, no longer has the key, or was not allowed to use it").WithHint("list its keys with ssh-add -l")
	}
	return fault.New(fault.KeyUnreadable, what, "the agent did not answer: %s", quote.Shorten(err.Error()))
}

// reason returns err without the address.
func reason(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}
