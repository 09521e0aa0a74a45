package diff

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// IssuerRules are a configuration's rules for the tokens of one issuer, or of an entry
// without issuer.
type IssuerRules struct {
	// Name identifies the issuer or entry; rules with the same Name are compared. Shown is Name
	// for messages, "" if it is the same.
	Name, Shown string
	Rules       keys.Rules
	Pos         descset.Position
}

// WithRules adds changes of the rules that both versions of a configuration have for one
// issuer. An issuer in only one version is a change of keys, which are not compared.
func WithRules(changes []Change, before, after []IssuerRules) []Change {
	for _, now := range after {
		i := slices.IndexFunc(before, func(b IssuerRules) bool { return b.Name == now.Name })
		if i < 0 {
			continue
		}
		old, of := before[i], cmp.Or(now.Shown, now.Name)
		for _, r := range rulesOf(old.Rules, now.Rules) {
			if r.looser {
				changes = append(changes, setting("issuer-rule-loosened", of, r.name, r.old, r.new, old.Pos, now.Pos))
			}
			if r.tighter {
				changes = append(changes, setting("issuer-rule-tightened", of, r.name, r.old, r.new, old.Pos, now.Pos))
			}
		}
	}
	return sorted(changes)
}

// ruleChange is a rule in two versions: whether the change accepts more, and whether it
// accepts less.
type ruleChange struct {
	name, old, new  string
	looser, tighter bool
}

// setting returns the change of a setting or a rule called name; "" means that it has none.
func setting(kind, subject, name, old, now string, before, after descset.Position) Change {
	k := byID()[kind]
	what := fmt.Sprintf("%s was %s, now is %s", name, cmp.Or(old, "none"), cmp.Or(now, "none"))
	return Change{
		Kind: k.ID, Direction: k.Direction, Subject: subject, What: name, Old: old, New: now, OldPos: before, NewPos: after, Gain: k.Gain,
		Message: strings.NewReplacer("{s}", subject, "{w}", what).Replace(k.Text),
	}
}

// rulesOf returns the rules that differ.
func rulesOf(before, after keys.Rules) []ruleChange {
	var list []ruleChange
	add := func(name, old, now string, looser, tighter bool) {
		if looser || tighter {
			list = append(list, ruleChange{name, old, now, looser, tighter})
		}
	}
	add("audiences", strings.Join(before.Audiences, ", "), strings.Join(after.Audiences, ", "),
		admitsMore(before.Audiences, after.Audiences), admitsMore(after.Audiences, before.Audiences))
	add("type", before.Type, after.Type, before.Type != "" && after.Type != before.Type, after.Type != "" && after.Type != before.Type)
	add("max_age", limit(before.MaxAge), limit(after.MaxAge), longer(before.MaxAge, after.MaxAge), longer(after.MaxAge, before.MaxAge))
	add("max_lifetime", limit(before.MaxLifetime), limit(after.MaxLifetime), longer(before.MaxLifetime, after.MaxLifetime), longer(after.MaxLifetime, before.MaxLifetime))
	// max_lifetime requires exp too.
	want, wants := before.RequireExpiry || before.MaxLifetime > 0, after.RequireExpiry || after.MaxLifetime > 0
	add("require_expiry", fmt.Sprint(want), fmt.Sprint(wants), want && !wants && before.MaxLifetime == 0, wants && !want && after.MaxLifetime == 0)
	return list
}

// admitsMore reports whether a token that the old audiences refuse may match the new
// ones; no audiences admit all.
func admitsMore(old, now []string) bool {
	if len(old) == 0 {
		return false
	}
	return len(now) == 0 || slices.ContainsFunc(now, func(a string) bool { return !slices.Contains(old, a) })
}

// longer reports whether now is a longer limit than old; 0 means none.
func longer(old, now time.Duration) bool { return old > 0 && (now == 0 || now > old) }

func limit(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return quote.Duration(d)
}
