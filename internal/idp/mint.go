package idp

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/strictjson"
	"github.com/jwtctl/jwtctl/internal/token"
)

// claims are the claims of a token before it is signed.
type claims map[string]any

// add sets the claims of list, replacing earlier ones.
func (c claims) add(list []token.Claim) {
	for _, one := range list {
		c[one.Name] = json.RawMessage(one.Value)
	}
}

// accessClaims returns the claims of the access token of g.
func (p *Provider) accessClaims(g *grant) claims {
	now := p.o.Now()
	c := claims{
		"iss": p.issuer, "sub": g.subject(), "aud": oneOrMany(p.audience(g)), "jti": g.ID, "client_id": g.Client.ID,
		"iat": now.Unix(), "exp": now.Add(p.o.TTL).Unix(),
	}
	if len(g.Scopes) > 0 {
		c["scope"] = strings.Join(g.Scopes, " ")
	}
	if g.User == nil {
		p.o.Like.access(c, g, p)
		c.add(g.Client.Claims)
	} else {
		if p.o.Like == LikeNone || p.o.Like == LikeKeycloak { // others name the user only in the id_token
			maps.Copy(c, g.User.profile(g.Scopes))
		}
		c["auth_time"] = g.AuthTime.Unix()
		p.o.Like.roles(c, g.User)
		p.o.Like.access(c, g, p)
		c.add(g.User.Claims)
	}
	p.applyFaults(g.Client, c, false)
	return c
}

// idClaims returns the claims of the id_token of g, made together with access.
func (p *Provider) idClaims(g *grant, access string, alg keys.Algorithm) (claims, error) {
	now := p.o.Now()
	c := claims{
		"iss": p.issuer, "sub": g.subject(), "aud": g.Client.ID, "azp": g.Client.ID, "sid": sessionID(g.Session),
		"iat": now.Unix(), "exp": now.Add(p.o.TTL).Unix(), "auth_time": g.AuthTime.Unix(),
	}
	if g.Nonce != "" {
		c["nonce"] = g.Nonce
	}
	hash, err := oidc.ClaimHash(access, hashAlgorithm(alg))
	if err != nil {
		return nil, fault.New(fault.Internal, "at_hash", "%w", err)
	}
	c["at_hash"] = hash
	maps.Copy(c, g.User.profile(g.Scopes))
	p.o.Like.roles(c, g.User)
	p.o.Like.id(c, g)
	c.add(g.User.Claims)
	p.applyFaults(g.Client, c, true)
	return c, nil
}

// hashAlgorithm returns alg in the library's type.
func hashAlgorithm(alg keys.Algorithm) jose.SignatureAlgorithm {
	if alg == keys.Ed25519 {
		alg = keys.EdDSA
	}
	return jose.SignatureAlgorithm(alg)
}

// audience returns the audience of an access token: that of the request, else the
// configured one, else the client.
func (p *Provider) audience(g *grant) []string {
	for _, list := range [][]string{g.Audience, g.Client.Audience, p.o.Audience, p.o.Like.audience(g, p)} {
		if len(list) > 0 {
			return list
		}
	}
	return []string{g.Client.ID}
}

// oneOrMany returns aud as most issuers write it (RFC 7519 section 4.1.3).
func oneOrMany(list []string) any {
	if len(list) == 1 {
		return list[0]
	}
	return list
}

// signer returns the key that signs the next tokens of c.
func (p *Provider) signer(c *Client) (*keys.Key, error) {
	if c.has(RotateNow) {
		if err := p.o.Keys.Rotate(); err != nil {
			return nil, err
		}
	}
	key, err := p.o.Keys.Signer()
	if err != nil || !c.has(WrongKey) {
		return key, err
	}
	return p.o.Keys.Impostor(key)
}

// sign signs the claims k for c.
func (p *Provider) sign(c *Client, key *keys.Key, k claims) (string, error) {
	text, err := json.Marshal(k)
	if err != nil {
		return "", fault.New(fault.Internal, "claims", "%w", err)
	}
	if c.has(AlgNone) {
		return unsigned(key.ID(), text), nil
	}
	return jws.SignHeader(key, text, jws.HeaderOptions{NoKeyID: c.has(NoKeyID)})
}

// unsigned makes a token without a signature, with the ID of a real key.
func unsigned(kid string, text []byte) string {
	header := `{"alg":"none","kid":` + string(strictjson.Quote(kid)) + `,"typ":"JWT"}`
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(header)) + "." + encode(text) + "."
}

// tokens makes the access token of g and, if it has a user and the scope openid, the
// id_token.
func (p *Provider) tokens(g *grant, withID bool) (access, id string, err error) {
	key, err := p.signer(g.Client)
	if err != nil {
		return "", "", err
	}
	access, err = p.sign(g.Client, key, p.accessClaims(g))
	if err != nil || !withID || g.User == nil || !slices.Contains(g.Scopes, oidc.ScopeOpenID) {
		return access, "", err
	}
	k, err := p.idClaims(g, access, key.Algorithm())
	if err != nil {
		return "", "", err
	}
	id, err = p.sign(g.Client, key, k)
	return access, id, err
}
