package diff

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/policytest"
)

var env = map[string]string{"ROLE": "auditor", "ISSUER": "three"}

// world returns a random policy with keys, or nil if its annotations have errors.
func world(t *testing.T, k knobs, key *keys.Key) *policytest.World {
	text := k.source()
	if _, err := policytest.Compile(policytest.Load(t, text), env); err != nil {
		return nil
	}
	return policytest.New(t, text, policytest.Setup{Env: env, Keys: []*keys.Key{key}})
}

// TestWhatPassesNowIsTold: if the later policy accepts a call or message that the earlier
// one refused, at least one change is weaker or undecided. A policy does not differ from
// itself, and the reverse has the mirror of each change.
func TestWhatPassesNowIsTold(t *testing.T) {
	key := policytest.Key(t, keys.HS256, keys.Attributes{ID: "k"})
	reported, pairs := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		// One drawn number seeds everything else: rapid prefers extreme values, with
		// which no token would match.
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
		k := drawKnobs(random)
		a := world(t, k, key)
		if a == nil {
			return
		}
		other := k.turned(random)
		b := world(t, other, key)
		if b == nil {
			return
		}
		pairs++
		there, back := compare(t, a.Policy, b.Policy), compare(t, b.Policy, a.Policy)
		if same := compare(t, a.Policy, policytest.Load(t, k.source())); len(same) > 0 {
			rt.Fatalf("a policy differs from itself:\n%s", textOf(t, same))
		}
		mirrors(rt, there, back)
		for range 20 {
			s := drawSample(random, a.Token)
			was, is := outcome(a, s), outcome(b, s)
			reported += tells(rt, s, was, is, there) + tells(rt, s, is, was, back)
		}
	})
	t.Logf("%d pairs of policies; %d times something passed that was refused before", pairs, reported)
	if reported < 60 {
		t.Errorf("only %d samples passed exactly one version", reported)
	}
}

// tells checks that changes include a failing one if the sample is accepted now and was
// not before, and counts how often that is so.
func tells(tb rapid.TB, s sample, was, is [2]string, changes []Change) (n int) {
	tb.Helper()
	for i, how := range []string{"call", "message"} {
		if was[i] != "refused" || is[i] != "accepted" {
			continue
		}
		if n++; !fail(changes) {
			tb.Fatalf("this %s passes now, but no change is reported:\n%s\n%s\n%+v", how, s.bearer, s.message, changes)
		}
	}
	return n
}

// TestEachChoiceIsTold is TestWhatPassesNowIsTold for each pair of values of each knob,
// with the others unchanged.
func TestEachChoiceIsTold(t *testing.T) {
	key := policytest.Key(t, keys.HS256, keys.Attributes{ID: "k"})
	random := rand.New(rand.NewPCG(1, 2))
	signer := policytest.New(t, usual().source(), policytest.Setup{Keys: []*keys.Key{key}})
	samples := make([]sample, 150)
	for i := range samples {
		samples[i] = drawSample(random, signer.Token)
	}
	quiet := map[string]bool{"M expires": true, "M.raw": true} // they change what is signed and filled in
	for name, values := range choices() {
		t.Run(name, func(t *testing.T) {
			var worlds []*policytest.World
			var outcomes [][][2]string
			for _, value := range values {
				k := usual()
				if strings.HasPrefix(name, "service") {
					k["service"], k["method"] = choices()["service"][1], ""
				}
				k[name] = value
				if w := world(t, k, key); w != nil {
					var of [][2]string
					for _, s := range samples {
						of = append(of, outcome(w, s))
					}
					worlds, outcomes = append(worlds, w), append(outcomes, of)
				}
			}
			reported := 0
			for i, a := range worlds {
				for j, b := range worlds {
					changes := compare(t, a.Policy, b.Policy)
					for n, s := range samples {
						reported += tells(t, s, outcomes[i][n], outcomes[j][n], changes)
					}
				}
			}
			if reported == 0 && !quiet[name] {
				t.Error("every sample passes with all values or none")
			}
		})
	}
}

func fail(changes []Change) bool {
	for _, c := range changes {
		if c.Fails() {
			return true
		}
	}
	return false
}

// mirrors checks that each change has its mirror in the reverse, and that not both are
// harmless or both harmful.
func mirrors(rt rapid.TB, there, back []Change) {
	kinds := byID()
	for _, ways := range [][2][]Change{{there, back}, {back, there}} {
		for _, c := range ways[0] {
			if !has(ways[1], kinds[c.Kind].Mirror) {
				rt.Fatalf("no mirror of %+v\n%+v", c, ways[1])
			}
		}
	}
	for _, c := range there {
		for _, m := range back {
			if m.Kind == kinds[c.Kind].Mirror && m.Subject == c.Subject && c.Direction == m.Direction && (c.Direction == Weaker || c.Direction == Stronger) {
				rt.Fatalf("%s both ways: %+v, %+v", c.Direction, c, m)
			}
		}
	}
}

// outcome returns the result for a sample as a call of S/Do, and as a separate message of
// type M: accepted, refused, or undecided.
func outcome(w *policytest.World, s sample) (of [2]string) {
	method, err := w.Plan.Method("t.S/Do")
	if err != nil {
		w.TB.Fatal(err)
	}
	ctx := context.Background()
	var bearer *jws.Verified
	if method.Bearer != nil {
		bearer, err = w.Verifier.BearerToken(ctx, method.Bearer, s.bearer)
	}
	if err == nil && method.Request != nil {
		_, err = w.Verify("M", s.message, bearer)
	}
	of[0] = word3(err)
	bearer, _ = w.Verifier.BearerToken(ctx, nil, s.bearer)
	if s.bearer != "" && bearer == nil {
		w.TB.Fatal("a good token is refused")
	}
	_, err = w.Verify("M", s.message, bearer)
	of[1] = word3(err)
	return of
}

func word3(err error) string {
	switch {
	case err == nil:
		return "accepted"
	case fault.ClassOf(err) == fault.Refused:
		return "refused"
	}
	return "undecided"
}
