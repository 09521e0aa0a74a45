package cli

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCommandsPrintNoSecrets_S69 searches all output of commands for a private key, a
// secret and a token's signature where they must not be.
func TestCommandsPrintNoSecrets_S69(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	run := func(args ...string) (stdout, stderr string) {
		f := newFake(t)
		f.env["JWTCTL_COLOR"] = "never"
		Main(append(args, "-v"), f.System)
		return f.out.String(), f.err.String()
	}
	run("keygen", "-o", in("ec.jwk"))
	run("keygen", "--alg", "HS256", "-o", in("hs.jwk"))
	run("keygen", "-o", in("ec.pem"))
	pem, err := os.ReadFile(in("ec.pem"))
	if err != nil {
		t.Fatal(err)
	}
	canaries := append(privateMembers(t, in("ec.jwk")), privateMembers(t, in("hs.jwk"))...)
	canaries = append(canaries, strings.Split(string(pem), "\n")[1])
	token, _ := run("token", "--system", "--key", in("ec.pem"), "--format", "token")
	signature := strings.TrimSpace(token[strings.LastIndex(token, ".")+1:])
	if len(canaries) != 5 || len(signature) < 80 {
		t.Fatalf("%d canaries, signature %q", len(canaries), signature)
	}
	broken := in("broken.pem")
	if err := os.WriteFile(broken, []byte(strings.Replace(string(pem), "M", "N", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"jwks", "--key", in("ec.jwk")}, {"jwks", "--key", in("hs.jwk")}, {"jwks", "--key", broken},
		{"jwks", "--key", in("ec.jwk"), "--alg", "RS256"}, {"jwks", "--key", in("ec.jwk"), "--kid", "x"},
		{"token", "--system", "--key", in("hs.jwk")},
		{"token", "--system", "--key", in("ec.pem"), "--out", in("t.jwt")},
		{"keygen", "-o", in("ec.pem")}, {"keygen", "-o", in("new.pem"), "--format", "json"},
		{"inspect", token}, {"inspect", token, "--key", in("ec.pem")}, {"inspect", token, "--key", in("hs.jwk")},
		{"inspect", token + "x", "--key", in("ec.pem")}, {"inspect", token, "--format", "json"},
		{"inspect", token, token}, {token},
		{"explain-denial", token, "--api", "StartWorkflowExecution", "--key", in("ec.pem")},
		{"explain-denial", token + " ", "--api", "StartWorkflowExecution", "--namespace", "x"},
		{"rotate", "--key-dir", in("keys")},
	} {
		stdout, stderr := run(args...)
		for _, c := range append(canaries, signature) {
			if strings.Contains(stdout, c) || strings.Contains(stderr, c) {
				t.Errorf("jwtctl %s ... shows a secret", args[0])
			}
		}
	}
}

// privateMembers returns the private members of the JWK in a file, in base64url and in
// standard base64.
func privateMembers(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var jwk map[string]string
	if err := json.Unmarshal(text, &jwk); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, member := range []string{"d", "k"} {
		if v := jwk[member]; v != "" {
			raw, err := base64.RawURLEncoding.DecodeString(v)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, v, base64.StdEncoding.EncodeToString(raw))
		}
	}
	return all
}
