package explain

// validating returns which keys may validate a token: for each accepted issuer those of
// A20, or one choice for all if any issuer is accepted. Key ID and algorithm then select
// one of them (A21, A22).
func (o Options) validating(issuers []Text) []KeyChoice {
	if len(issuers) == 0 {
		c := KeyChoice{Rule: "those of the token's issuer, else those without an issuer"}
		if o.HaveKeys {
			c.Keys = append([]Key{}, o.Keys...)
			if len(c.Keys) == 0 {
				c.Rule = "none configured: every token is refused"
			}
		}
		return []KeyChoice{c}
	}
	var all []KeyChoice
	for _, issuer := range issuers {
		all = append(all, o.validatingFor(issuer))
	}
	return all
}

func (o Options) validatingFor(issuer Text) KeyChoice {
	c := KeyChoice{Issuer: issuer.Value, Rule: "those of this issuer, else those without an issuer"}
	if !o.HaveKeys || len(issuer.Environment) > 0 {
		return c
	}
	bound, free := []Key{}, []Key{}
	for _, k := range o.Keys {
		switch k.Issuer {
		case "":
			free = append(free, k)
		case issuer.Value:
			bound = append(bound, k)
		}
	}
	switch {
	case len(bound) > 0:
		c.Keys, c.Rule = bound, "of this issuer"
	case len(free) > 0:
		c.Keys, c.Rule = free, "without an issuer, since none has this one"
	default:
		c.Keys, c.Rule = free, "none fits: every token of this issuer is refused"
	}
	return c
}

// signing returns the key that signs a token whose issuer option is issuers (A23).
func (o Options) signing(issuers []Text) KeyChoice {
	c := KeyChoice{Rule: "the first that can sign"}
	var unresolved bool
	if len(issuers) > 0 && issuers[0].Value != "" {
		c.Issuer, unresolved = issuers[0].Value, len(issuers[0].Environment) > 0
		c.Rule = "the first of this issuer that can sign, else the first without an issuer"
	}
	if !o.HaveKeys || unresolved {
		return c
	}
	c.Keys = []Key{}
	for i, want := range []string{c.Issuer, ""} {
		for _, k := range o.Keys {
			if k.CanSign && len(c.Keys) == 0 && (c.Issuer == "" || k.Issuer == want) {
				c.Keys = append(c.Keys, k)
				if c.Issuer != "" {
					c.Rule = []string{"the first of this issuer that can sign", "the first without an issuer, since none of this one can sign"}[i]
				}
			}
		}
	}
	switch {
	case len(c.Keys) > 0:
	case c.Issuer == "":
		c.Rule = "none can sign: signing is refused"
	default:
		c.Rule = "none of this issuer, and none without an issuer, can sign: signing is refused"
	}
	return c
}
