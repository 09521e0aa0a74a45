package config

import (
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/suggest"
)

// Aliases returns the names that other tools, and claims, use for our flags and keys;
// the first one that a command has is meant.
func Aliases(name string) []string {
	return map[string][]string{
		"addr": {"listen"}, "address": {"listen"}, "bind": {"listen"}, "host": {"listen"}, "port": {"listen"},
		"audience": {"aud"}, "aud": {"audience"}, "issuer": {"iss"}, "subject": {"sub"}, "algorithm": {"alg"},
		"curve": {"alg"}, "kty": {"alg"}, "type": {"alg"}, "bits": {"rsa-bits"}, "size": {"rsa-bits"},
		"exp": {"ttl"}, "expires": {"ttl"}, "expires-in": {"ttl"}, "expiration": {"ttl"}, "expiry": {"ttl"},
		"duration": {"ttl"}, "lifetime": {"ttl"}, "not-after": {"ttl"},
		"ns": {"namespace"}, "api-method": {"api"}, "method": {"api"}, "scope": {"permission"},
		"output": {"out"}, "file": {"out", "key"}, "key": {"out", "key-dir"}, "keys": {"key", "key-dir"}, "dir": {"key-dir"},
		"public": {"public-out"}, "pub-out": {"public-out"}, "public-key": {"key"}, "private-key": {"key"}, "secret": {"key"},
		"url": {"jwks"}, "jwk": {"jwks"}, "jwks-uri": {"jwks"}, "jwks-url": {"jwks"}, "json": {"format"}, "raw": {"format"},
		"force": {"now"}, "interval": {"every"}, "grace": {"max-token-life"},
	}[name]
}

// Nearest returns the element of known that was probably meant by name, or "".
func Nearest(name string, known []string) string {
	for _, other := range Aliases(strings.ReplaceAll(name, "_", "-")) {
		for _, like := range []string{other, strings.ReplaceAll(other, "-", "_")} {
			if slices.Contains(known, like) {
				return like
			}
		}
	}
	return suggest.Nearest(name, known)
}
