package jwtpolicy_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/jwtctl/jwtctl/internal/diff"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/jwtpolicy"
	"github.com/jwtctl/jwtctl/jwtpolicy/protosource"
)

// TestReload: a new policy and new keys apply to new calls only, and a broken policy
// changes nothing. S17, S79.
func TestReload(t *testing.T) {
	l := newLab(t)
	p := l.policy(l.source(), jwtpolicy.Options{})
	token := "Bearer " + l.Token(policytest.GoodClaims)
	under, err := p.Call(t.Context(), "/t.S/WhoBidi", token)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Reload(t.Context(), jwtpolicy.Registry(&protoregistry.Files{}), l.keys()); err == nil {
		t.Error("a policy without a service is in force")
	}
	if _, err := p.Call(t.Context(), "/t.S/Who", token); err != nil {
		t.Errorf("after a broken reload: %v", err)
	}
	other := jwtpolicy.KeyBytes(l.key, jwtpolicy.KeyOptions{ID: "other"})
	if err := p.Reload(t.Context(), l.source(), []jwtpolicy.Key{other}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Call(t.Context(), "/t.S/Who", token); !errors.Is(err, &jwtpolicy.Error{Code: "key_not_found"}) {
		t.Errorf("with another key: %v", err)
	}
	if err := under.Request(t.Context(), nil); err != nil {
		t.Errorf("a call in progress: %v", err)
	}
}

// changed returns the policy of the lab with old replaced by now in its source.
func (l *lab) changed(old, now string) jwtpolicy.Source {
	l.TB.Helper()
	text := policytest.Header + policytest.CallSource
	if old == "" || !strings.Contains(text, old) {
		l.TB.Fatalf("the source lacks %q", old)
	}
	path := filepath.Join(l.TB.TempDir(), "t.proto")
	if err := os.WriteFile(path, []byte(strings.Replace(text, old, now, 1)), 0o600); err != nil {
		l.TB.Fatal(err)
	}
	return protosource.Files(nil, path)
}

// TestReloadReportsWhatIsWeaker: each change that lets more through is logged and
// reported to the observer as jwtctl diff describes it, or refused with RefuseWeaker.
// Changes that are as strict or stricter are not reported. S79.
func TestReloadReportsWhatIsWeaker(t *testing.T) {
	l := newLab(t)
	key := func(o jwtpolicy.KeyOptions) jwtpolicy.Key { o.ID = "test"; return jwtpolicy.KeyBytes(l.key, o) }
	strict := []jwtpolicy.Key{key(jwtpolicy.KeyOptions{Audiences: []string{"shop"}, MaxAge: time.Hour})}
	const who = `rpc Who(Plain) returns (Plain) { option (kalix.method).jwt = {validate: BEARER_TOKEN, bearer_token_issuer: "me"`
	for name, row := range map[string]struct {
		src  jwtpolicy.Source
		keys []jwtpolicy.Key
		want []string // kinds and subjects
	}{
		"nothing":           {l.source(), strict, nil},
		"issuer dropped":    {l.changed(who, strings.Replace(who, `, bearer_token_issuer: "me"`, "", 1)), strict, []string{"issuers-dropped t.S/Who"}},
		"issuer added":      {l.changed(who, who+`, bearer_token_issuer: "you"`), strict, []string{"issuer-added t.S/Who"}},
		"no token required": {l.changed("rpc Bearer(Plain) returns (Plain) { option (kalix.method).jwt = {validate: BEARER_TOKEN}; }", "rpc Bearer(Plain) returns (Plain);"), strict, []string{"bearer-not-validated t.S/Bearer"}},
		"stricter method":   {l.changed("rpc Open(Plain) returns (Plain);", "rpc Open(Plain) returns (Plain) { option (kalix.method).jwt = {validate: BEARER_TOKEN}; }"), strict, nil},
		"field dropped":     {l.changed("string user = 1 [(kalix.field).jwt = {claim: INCLUDE}];", "string user = 1;"), strict, []string{"claim-not-compared t.Signed.user"}},
		"other audience":    {l.source(), []jwtpolicy.Key{key(jwtpolicy.KeyOptions{Audiences: []string{"shop", "bank"}, MaxAge: time.Hour})}, []string{"issuer-rule-loosened key"}},
		"any age":           {l.source(), []jwtpolicy.Key{key(jwtpolicy.KeyOptions{Audiences: []string{"shop"}})}, []string{"issuer-rule-loosened key"}},
		"key without rules": {l.source(), []jwtpolicy.Key{strict[0], jwtpolicy.KeyBytes(newKey(), jwtpolicy.KeyOptions{ID: "new"})}, []string{"issuer-rule-loosened key", "issuer-rule-loosened key"}},
		"shorter lifetimes": {l.source(), []jwtpolicy.Key{key(jwtpolicy.KeyOptions{Audiences: []string{"shop"}, MaxAge: time.Minute})}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var log strings.Builder
			seen := &counter{}
			now := func() time.Time { return policytest.Now }
			p, err := jwtpolicy.New(t.Context(), l.source(), strict, jwtpolicy.Options{Observer: seen, Log: slog.New(slog.NewTextHandler(&log, nil)), Now: now})
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Reload(t.Context(), row.src, row.keys); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range seen.weakened {
				got = append(got, c.Kind+" "+c.Subject)
				line := fmt.Sprintf("level=WARN msg=\"the policy became weaker\" change=%s subject=%s detail=%q gain=%q", c.Kind, c.Subject, c.Detail, c.Gain)
				if c.Detail == "" || c.Gain == "" || !strings.Contains(log.String(), line) {
					t.Errorf("the log lacks %s\n%s", line, log.String())
				}
			}
			if strings.Join(got, ", ") != strings.Join(row.want, ", ") || strings.Count(log.String(), "\n") != len(row.want) {
				t.Errorf("got %q, want %q; log:\n%s", got, row.want, log.String())
			}

			before := log.String()
			p, err = jwtpolicy.New(t.Context(), l.source(), strict, jwtpolicy.Options{Observer: seen, RefuseWeaker: true, Log: slog.New(slog.NewTextHandler(&log, nil)), Now: now})
			if err != nil {
				t.Fatal(err)
			}
			err = p.Reload(t.Context(), row.src, row.keys)
			if refused := errors.Is(err, &jwtpolicy.Error{Code: "policy_faulty"}); refused != (row.want != nil) || !refused && err != nil {
				t.Errorf("with RefuseWeaker: %v", err)
			}
			for _, kind := range row.want {
				if kind, _, _ = strings.Cut(kind, " "); err == nil || !strings.Contains(err.Error(), "("+kind+")") {
					t.Errorf("the error lacks %s: %v", kind, err)
				}
			}
			if len(seen.weakened) != len(row.want) || log.String() != before {
				t.Errorf("a refused change is reported: %v\n%s", seen.weakened, log.String())
			}
			// A refused version must not become the base of the next comparison.
			if err := p.Reload(t.Context(), l.source(), strict); err != nil && row.want != nil {
				t.Errorf("back to the policy in force: %v", err)
			}
		})
	}
}

// TestReloadRemembersWhatWasRemoved: if one reload removes a guarded method or an issuer's
// rules and the next restores them weaker, that is reported, or refused with
// RefuseWeaker; restored unchanged, they pass. S79.
func TestReloadRemembersWhatWasRemoved(t *testing.T) {
	l := newLab(t)
	key := func(id, issuer string, audiences ...string) jwtpolicy.Key {
		return jwtpolicy.KeyBytes(newKey(), jwtpolicy.KeyOptions{ID: id, Issuer: issuer, Audiences: audiences})
	}
	own := key("own", "me")
	const bearer = "rpc Bearer(Plain) returns (Plain) { option (kalix.method).jwt = {validate: BEARER_TOKEN}; }"
	without, open := l.changed(bearer, ""), l.changed(bearer, "rpc Bearer(Plain) returns (Plain);")
	type step struct {
		src  jwtpolicy.Source
		keys []jwtpolicy.Key
	}
	for name, row := range map[string]struct {
		first []jwtpolicy.Key
		gone  step
		back  step
		want  string
	}{
		"method, now open":   {[]jwtpolicy.Key{own}, step{without, []jwtpolicy.Key{own}}, step{open, []jwtpolicy.Key{own}}, "open-method-added t.S/Bearer, bearer-not-validated t.S/Bearer"},
		"service, unchanged": {[]jwtpolicy.Key{own}, step{l.changed("service S {", "service Gone {"), []jwtpolicy.Key{own}}, step{l.source(), []jwtpolicy.Key{own}}, ""},
		"method, unchanged":  {[]jwtpolicy.Key{own}, step{without, []jwtpolicy.Key{own}}, step{l.source(), []jwtpolicy.Key{own}}, ""},
		"issuer, any aud":    {[]jwtpolicy.Key{own, key("a", "you", "shop")}, step{l.source(), []jwtpolicy.Key{own}}, step{l.source(), []jwtpolicy.Key{own, key("b", "you")}}, "issuer-rule-loosened you"},
		"issuer, unchanged":  {[]jwtpolicy.Key{own, key("a", "you", "shop")}, step{l.source(), []jwtpolicy.Key{own}}, step{l.source(), []jwtpolicy.Key{own, key("b", "you", "shop")}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, refuse := range []bool{false, true} {
				seen := &counter{}
				p, err := jwtpolicy.New(t.Context(), l.source(), row.first, jwtpolicy.Options{Observer: seen, RefuseWeaker: refuse, Log: slog.New(slog.DiscardHandler)})
				if err == nil {
					err = p.Reload(t.Context(), row.gone.src, row.gone.keys)
				}
				if err != nil || len(seen.weakened) > 0 {
					t.Fatalf("removed: %v %v", err, seen.weakened)
				}
				err = p.Reload(t.Context(), row.back.src, row.back.keys)
				if refused := errors.Is(err, &jwtpolicy.Error{Code: "policy_faulty"}); refused != (refuse && row.want != "") || !refused && err != nil {
					t.Errorf("back: %v", err)
				}
				if refuse {
					continue
				}
				var got []string
				for _, c := range seen.weakened {
					got = append(got, c.Kind+" "+c.Subject)
				}
				if strings.Join(got, ", ") != row.want {
					t.Errorf("got %q, want %q", got, row.want)
				}
				seen.weakened = nil
				if err := p.Reload(t.Context(), row.back.src, row.back.keys); err != nil || len(seen.weakened) > 0 {
					t.Errorf("same reload again: %v %v", err, seen.weakened)
				}
			}
		})
	}
}

// TestReloadSaysAsDiff: a reload reports the same changes as jwtctl diff does for the two
// versions. S79.
func TestReloadSaysAsDiff(t *testing.T) {
	l := newLab(t)
	src := l.changed("{validate: MESSAGE}", "{validate: BEARER_TOKEN}")
	set, err := src.Descriptors(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	changes, err := diff.Compare(policy.Read(l.Set), policy.Read(set))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, c := range changes {
		if c.Direction >= diff.Unknown {
			want = append(want, c.Kind+" "+c.Subject+" "+c.Message+" "+c.Gain)
		}
	}
	seen := &counter{}
	p := l.policy(l.source(), jwtpolicy.Options{Observer: seen, Log: slog.New(slog.DiscardHandler)})
	if err := p.Reload(t.Context(), src, l.keys()); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range seen.weakened {
		got = append(got, c.Kind+" "+c.Subject+" "+c.Detail+" "+c.Gain)
	}
	if len(want) == 0 || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestOpenPolicyIsLogged: a start or reload after which nothing is enforced is logged,
// once. S79.
func TestOpenPolicyIsLogged(t *testing.T) {
	l := newLab(t)
	path := filepath.Join(t.TempDir(), "t.proto")
	if err := os.WriteFile(path, []byte(`syntax = "proto3"; package t; message M {} service S { rpc Open(M) returns (M); }`), 0o600); err != nil {
		t.Fatal(err)
	}
	open := protosource.Files(nil, path)
	for name, sources := range map[string][]jwtpolicy.Source{"start": {open, open}, "reload": {l.source(), open}} {
		var log strings.Builder
		p := l.policy(sources[0], jwtpolicy.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		if err := p.Reload(t.Context(), sources[1], l.keys()); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(log.String(), "the policy has no annotated method"); n != 1 {
			t.Errorf("%s: got %d lines, want 1\n%s", name, n, log.String())
		}
	}
}

// TestReloadComparesWithWhatIsInForce: a reload is compared with the policy in force, and
// the rules of each key with those of its issuer's keys, in any order. S79.
func TestReloadComparesWithWhatIsInForce(t *testing.T) {
	l := newLab(t)
	key := func(id string, audiences ...string) jwtpolicy.Key {
		return jwtpolicy.KeyBytes(newKey(), jwtpolicy.KeyOptions{ID: id, Issuer: "me", Audiences: audiences})
	}
	strict, loose := key("a", "shop"), key("b", "shop", "bank")
	none := l.changed("rpc Bearer(Plain) returns (Plain) { option (kalix.method).jwt = {validate: BEARER_TOKEN}; }", "rpc Bearer(Plain) returns (Plain);")
	seen := &counter{}
	p, err := jwtpolicy.New(t.Context(), l.source(), []jwtpolicy.Key{strict}, jwtpolicy.Options{Observer: seen, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for i, step := range []struct {
		src  jwtpolicy.Source
		keys []jwtpolicy.Key
		want string
	}{
		{none, []jwtpolicy.Key{strict}, "bearer-not-validated"},
		{none, []jwtpolicy.Key{strict}, ""},
		{l.source(), []jwtpolicy.Key{strict}, ""},
		{none, []jwtpolicy.Key{strict}, "bearer-not-validated"},
		{none, []jwtpolicy.Key{strict, loose}, "issuer-rule-loosened"},
		{none, []jwtpolicy.Key{loose, strict}, ""},
		{none, []jwtpolicy.Key{strict}, ""},
		{none, []jwtpolicy.Key{key("c", "shop"), strict}, ""},
		{none, []jwtpolicy.Key{key("d"), key("e")}, "issuer-rule-loosened"},
		{none, []jwtpolicy.Key{loose}, ""},
	} {
		seen.weakened = nil
		if err := p.Reload(t.Context(), step.src, step.keys); err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, c := range seen.weakened {
			got += c.Kind
		}
		if got != step.want {
			t.Errorf("step %d: got %v, want %s", i+1, seen.weakened, step.want)
		}
	}
}
