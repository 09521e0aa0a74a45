package rotate

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.temporal.io/sdk/client"
)

// The SDK's interface: a Provider that no longer fits it does not compile here.
var _ = client.Options{HeadersProvider: (*Provider)(nil)}

func TestToken(t *testing.T) {
	ecFile := writeKey(t, newECKey(t, elliptic.P256()))
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rsaFile := writeKey(t, rsaKey)
	for _, test := range []struct {
		name        string
		config      Config
		wantAlg     string
		wantSubject string
		wantLife    time.Duration
		wantKeyID   string // empty: the thumbprint
	}{
		{name: "EC, defaults", config: Config{KeyFile: ecFile}, wantAlg: "ES256", wantSubject: "jwtctl-example", wantLife: 10 * time.Minute},
		{name: "RSA, TTL", config: Config{KeyFile: rsaFile, TTL: time.Hour}, wantAlg: "RS256", wantSubject: "jwtctl-example", wantLife: time.Hour},
		{name: "subject, kid", config: Config{KeyFile: ecFile, Subject: "me", KeyID: "mine"}, wantAlg: "ES256", wantSubject: "me", wantLife: 10 * time.Minute, wantKeyID: "mine"},
	} {
		t.Run(test.name, func(t *testing.T) {
			clock := newClock()
			test.config.Now = clock.now
			token := verified(t, newProvider(t, test.config), test.config)

			if alg := token.Header["alg"]; alg != test.wantAlg {
				t.Errorf("alg %v, want %s", alg, test.wantAlg)
			}
			if kid := token.Header["kid"]; test.wantKeyID != "" && kid != test.wantKeyID {
				t.Errorf("kid %v, want %s", kid, test.wantKeyID)
			}
			want := jwt.MapClaims{
				"permissions": []any{"default:read", "default:write"},
				"sub":         test.wantSubject,
				"exp":         float64(clock.now().Add(test.wantLife).Unix()),
			}
			if !reflect.DeepEqual(token.Claims, want) { // and no iat: see the package comment
				t.Errorf("claims %v, want %v", token.Claims, want)
			}
		})
	}
}

func TestRenewal(t *testing.T) {
	file := writeKey(t, newECKey(t, elliptic.P256()))
	for _, test := range []struct {
		name  string
		ttl   time.Duration
		after time.Duration
		renew bool
	}{
		{name: "at once", ttl: 9 * time.Minute, after: 0, renew: false},
		{name: "more than a third left", ttl: 9 * time.Minute, after: 6*time.Minute - time.Second, renew: false},
		{name: "a third left", ttl: 9 * time.Minute, after: 6 * time.Minute, renew: true},
		{name: "the last second", ttl: 9 * time.Minute, after: 9*time.Minute - time.Second, renew: true},
		{name: "expired", ttl: 9 * time.Minute, after: time.Hour, renew: true},
		{name: "shortest life, early", ttl: MinTTL, after: time.Second, renew: false},
		{name: "shortest life, late", ttl: MinTTL, after: 1500 * time.Millisecond, renew: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			clock := newClock()
			renewals := 0
			p := newProvider(t, Config{
				KeyFile: file, TTL: test.ttl, Now: clock.now,
				Renewed: func(string, time.Time) { renewals++ },
			})
			first := bearer(t, p)
			clock.advance(test.after)
			second := bearer(t, p)
			if renewed := second != first; renewed != test.renew || renewed != (renewals == 2) {
				t.Errorf("new token: got %v and %d renewals, want %v", renewed, renewals, test.renew)
			}
			if third := bearer(t, p); third != second {
				t.Error("renewed twice at the same moment")
			}
		})
	}
}

// exp counts whole seconds; the fraction that is cut off must also shorten the cached
// life, or the last token would be sent expired.
func TestRenewalCountsFromTheRoundedExpiry(t *testing.T) {
	clock := newClock()
	clock.advance(999 * time.Millisecond)
	config := Config{KeyFile: writeKey(t, newECKey(t, elliptic.P256())), TTL: MinTTL, Now: clock.now}
	p := newProvider(t, config)
	for range 500 {
		clock.advance(17 * time.Millisecond)
		exp, err := verified(t, p, config).Claims.GetExpirationTime()
		if err != nil {
			t.Fatal(err)
		}
		if left := exp.Sub(clock.now()); left < 300*time.Millisecond {
			t.Fatalf("a token with %s left was handed out", left)
		}
	}
}

func TestRotatedKeyReachesARunningProvider(t *testing.T) {
	clock := newClock()
	config := Config{KeyFile: writeKey(t, newECKey(t, elliptic.P256())), Now: clock.now}
	p := newProvider(t, config)
	oldKey := verified(t, p, config).Header["kid"]

	writeFile(t, config.KeyFile, pkcs8(t, newECKey(t, elliptic.P256())))
	clock.advance(time.Minute)
	if kid := parse(t, bearer(t, p)).Header["kid"]; kid != oldKey {
		t.Error("the key was read although the token is still valid")
	}
	clock.advance(8 * time.Minute)
	if kid := verified(t, p, config).Header["kid"]; kid == oldKey {
		t.Error("the new token is still signed with the old key")
	}
}

func TestMissingKeyFile(t *testing.T) {
	clock := newClock()
	var failures []error
	config := Config{
		KeyFile: writeKey(t, newECKey(t, elliptic.P256())), Now: clock.now,
		Failed: func(err error) { failures = append(failures, err) },
	}
	p := newProvider(t, config)
	first := bearer(t, p)
	aside := config.KeyFile + ".aside"
	if err := os.Rename(config.KeyFile, aside); err != nil {
		t.Fatal(err)
	}

	clock.advance(8 * time.Minute)
	for range 3 {
		if bearer(t, p) != first {
			t.Error("the old token is still valid and should be used")
		}
	}
	if len(failures) != 1 || !errors.Is(failures[0], fs.ErrNotExist) {
		t.Errorf("got failures %v, want one: file does not exist", failures)
	}

	clock.advance(3 * time.Minute)
	if _, err := p.GetHeaders(context.Background()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("expired and no key: error %v, want file does not exist", err)
	}

	if err := os.Rename(aside, config.KeyFile); err != nil {
		t.Fatal(err)
	}
	if bearer(t, p) == first {
		t.Error("the key is back, but the token is still the expired one")
	}
}

func TestNewRefuses(t *testing.T) {
	file := writeKey(t, newECKey(t, elliptic.P256()))
	for _, test := range []struct {
		name    string
		config  Config
		wantErr string
	}{
		{name: "no key file", config: Config{Permissions: permissions()}, wantErr: "no private key file"},
		{name: "key file missing", config: Config{KeyFile: file + ".no", Permissions: permissions()}, wantErr: "no such file"},
		{name: "no permissions", config: Config{KeyFile: file}, wantErr: "no permissions"},
		{name: "life too short", config: Config{KeyFile: file, Permissions: permissions(), TTL: time.Second}, wantErr: "at least 2s"},
		{name: "life negative", config: Config{KeyFile: file, Permissions: permissions(), TTL: -time.Minute}, wantErr: "at least 2s"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := New(test.config); err == nil || !strings.Contains(err.Error(), test.wantErr) {
				t.Errorf("error %v, want one with %q", err, test.wantErr)
			}
		})
	}
}

// Many requests at the moment of renewal share one new token. Run with -race.
func TestConcurrentRequests(t *testing.T) {
	clock := newClock()
	renewals := 0
	p := newProvider(t, Config{
		KeyFile: writeKey(t, newECKey(t, elliptic.P256())), Now: clock.now,
		Renewed: func(string, time.Time) { renewals++ },
	})
	clock.advance(7 * time.Minute)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := p.GetHeaders(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if renewals != 2 {
		t.Errorf("%d tokens made, want 2: the first and one renewal", renewals)
	}
}

// clock is a time source that tests set.
type clock struct{ at time.Time }

func newClock() *clock { return &clock{at: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *clock) now() time.Time          { return c.at }
func (c *clock) advance(d time.Duration) { c.at = c.at.Add(d) }

func permissions() []string { return []string{"default:read", "default:write"} }

func newProvider(t *testing.T, config Config) *Provider {
	t.Helper()
	config.Permissions = permissions()
	p, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func writeKey(t *testing.T, key any) string {
	t.Helper()
	return writeFile(t, filepath.Join(t.TempDir(), "key.priv.pem"), pkcs8(t, key))
}

// bearer returns the token of one request.
func bearer(t *testing.T, p *Provider) string {
	t.Helper()
	headers, err := p.GetHeaders(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	token, ok := strings.CutPrefix(headers["authorization"], "Bearer ")
	if !ok || len(headers) != 1 {
		t.Fatal("want exactly one header: authorization, with a bearer token")
	}
	return token
}

func parse(t *testing.T, token string) *jwt.Token {
	t.Helper()
	parsed, _, err := jwt.NewParser().ParseUnverified(token, jwt.MapClaims{})
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// verified returns the current token after checking signature and kid against the key file.
func verified(t *testing.T, p *Provider, config Config) *jwt.Token {
	t.Helper()
	key, err := loadKey(config.KeyFile, config.KeyID)
	if err != nil {
		t.Fatal(err)
	}
	public := key.private.(crypto.Signer).Public()
	token, err := jwt.NewParser(jwt.WithoutClaimsValidation(), jwt.WithValidMethods([]string{key.method.Alg()})).
		ParseWithClaims(bearer(t, p), jwt.MapClaims{}, func(*jwt.Token) (any, error) { return public, nil })
	if err != nil {
		t.Fatal(err)
	}
	if token.Header["kid"] != key.keyID {
		t.Errorf("kid %v, want %s", token.Header["kid"], key.keyID)
	}
	return token
}
