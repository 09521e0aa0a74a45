package inspectcmd

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/strictjson"
)

// maxNested is the maximum number of nested tokens to show.
const maxNested = 4

// decodedReport is the part of the JSON form for a token that was not verified.
type decodedReport struct {
	// Payload is that of a JWS without claims, as text or else in base64url.
	Payload       *string `json:"payload,omitempty"`
	PayloadBase64 *string `json:"payload_base64url,omitempty"`
	// Nested is the token in the payload.
	Nested      *inspectReport    `json:"nested,omitempty"`
	Encrypted   bool              `json:"encrypted,omitempty"`
	Opaque      bool              `json:"opaque,omitempty"`
	Disclosures []disclosedReport `json:"disclosures,omitempty"`
}

// disclosedReport is a disclosure of an SD-JWT; an array element has no name.
type disclosedReport struct {
	Name  string          `json:"name,omitempty"`
	Value json.RawMessage `json:"value"`
}

// decode shows a token for which there is no key. Every format says that nothing was
// verified.
func decode(d command.Deps, compact, raw, format string, v view) error {
	t, err := jws.Decode(compact, jws.Limits{})
	if err != nil {
		err = input.WithTokenHint(err, raw)
		if format != "json" {
			return err
		}
		list := reportErrors(err)
		return errors.Join(d.PrintJSON(inspectReport{Header: json.RawMessage("null"), Claims: json.RawMessage("null"), Error: &list[0]}), err)
	}
	if format == "claims" && t.Claims == nil {
		return fault.New(fault.PayloadNotClaims, "token", "its claims cannot be read: %s", kindOf(t))
	}
	d.AlwaysWarn("NOT VERIFIED: no key given; anyone could have made this token")
	switch format {
	case "json":
		return d.PrintJSON(reportDecoded(t, maxNested))
	case "claims":
		return printClaims(d, t.Payload)
	}
	decodeText(d, t, v, maxNested)
	notes(d, t)
	if _, err := os.Lstat(input.DefaultKeyFile); err == nil && !t.Opaque() && !t.Encrypted {
		d.Hint("to verify it with the key in this directory, add --key " + input.DefaultKeyFile)
	}
	return nil
}

// kindOf describes t if it is not a token with claims.
func kindOf(t *jws.Decoded) string {
	switch {
	case t.Opaque():
		return "no JWT: an opaque token"
	case t.Encrypted:
		alg, enc := headerText(t, "alg"), headerText(t, "enc")
		return fmt.Sprintf("encrypted: %s, %s; only the header of a JWE can be read", alg, enc)
	case len(t.Payload) == 0:
		return "its payload is empty"
	}
	return "its payload is not a JSON object"
}

// headerText returns the member of t's header called name, or "?" if it is not text.
func headerText(t *jws.Decoded, name string) string {
	for _, m := range t.Header {
		if value, isText := strictjson.String(m.Value); isText && m.Name == name {
			return quote.Shorten(value)
		}
	}
	return "?"
}

// nestedIn returns the token in t's payload, or nil.
func nestedIn(t *jws.Decoded, limit int) *jws.Decoded {
	if limit == 0 || t.Claims != nil || t.Encrypted {
		return nil
	}
	inner, err := jws.Decode(string(t.Payload), jws.Limits{})
	if err != nil || inner.Opaque() {
		return nil
	}
	return inner
}

func decodeText(d command.Deps, t *jws.Decoded, v view, limit int) {
	s := d.OutStyles()
	if t.Opaque() {
		_ = d.Print("%s\n", kindOf(t))
		return
	}
	_ = d.Print("%s", tokenParts{header: t.Header, claims: t.Claims}.text(s, v))
	switch inner := nestedIn(t, limit); {
	case t.Encrypted:
		_ = d.Print("%s\n", kindOf(t))
	case inner != nil:
		_ = d.Print("%s\n", s.Bold("Nested token"))
		decodeText(d, inner, v, limit-1)
	case t.Claims == nil:
		_ = d.Print("%s\n  %s\n", s.Bold(fmt.Sprintf("Payload of %d bytes, not claims", len(t.Payload))), payloadText(t.Payload))
	}
	if len(t.Disclosures) == 0 {
		return
	}
	var list []strictjson.Member
	for _, one := range t.Disclosures {
		name := one.Name
		if name == "" {
			name = "(element)"
		}
		list = append(list, strictjson.Member{Name: name, Value: one.Value})
	}
	_ = d.Print("%s\n%s", s.Bold("Disclosures"), rows(list, s, nil))
}

// payloadText returns a payload as text, or in base64url if it is not text.
func payloadText(payload []byte) string {
	switch {
	case len(payload) == 0:
		return "(empty)"
	case utf8.Valid(payload):
		return quote.OneLine(string(payload))
	}
	return base64.RawURLEncoding.EncodeToString(payload) + " (base64url)"
}

// notes prints to stderr why some tokens could not be verified even with a key.
func notes(d command.Deps, t *jws.Decoded) {
	if t.Opaque() || t.Encrypted {
		return
	}
	for _, m := range t.Header {
		switch value, _ := strictjson.String(m.Value); m.Name {
		case "alg":
			if _, err := keys.ParseAlgorithm(value); err != nil && value != string(keys.None) {
				d.Info("note: jwtctl cannot verify algorithm %q", quote.Shorten(value))
			}
		case "crit":
			d.Info("note: with a key, jwtctl refuses tokens with crit: it supports no extensions (RFC 7515 section 4.1.11)")
		case "cty":
			if strings.EqualFold(strings.TrimPrefix(strings.ToLower(value), "application/"), "jwt") {
				d.Info("note: with a key, jwtctl refuses nested tokens (cty)")
			}
		}
	}
	if len(t.Disclosures) > 0 || t.KeyBinding != "" {
		d.Info("note: with a key, jwtctl refuses SD-JWTs; the disclosures were not checked against the token")
	}
}

func reportDecoded(t *jws.Decoded, limit int) inspectReport {
	r := inspectReport{Header: json.RawMessage("null"), Claims: json.RawMessage("null")}
	r.Opaque, r.Encrypted = t.Opaque(), t.Encrypted
	if r.Opaque {
		return r
	}
	r.Header = t.HeaderJSON
	switch inner := nestedIn(t, limit); {
	case t.Encrypted:
	case t.Claims != nil:
		r.Claims = t.Payload
	case inner != nil:
		report := reportDecoded(inner, limit-1)
		r.Nested = &report
	case utf8.Valid(t.Payload):
		payload := string(t.Payload)
		r.Payload = &payload
	default:
		payload := base64.RawURLEncoding.EncodeToString(t.Payload)
		r.PayloadBase64 = &payload
	}
	for _, one := range t.Disclosures {
		r.Disclosures = append(r.Disclosures, disclosedReport{one.Name, json.RawMessage(one.Value)})
	}
	return r
}
