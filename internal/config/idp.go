package config

import (
	"go.yaml.in/yaml/v3"

	"github.com/jwtctl/jwtctl/internal/token"
)

// UserEntry is one of idp.users.
type UserEntry struct {
	Name                       string
	Permissions, Roles, Groups []string
	Claims                     []token.Claim
	Line                       int
}

// ClientEntry is one of idp.clients. Its secret may be in the file: it protects
// nothing.
type ClientEntry struct {
	ID, Secret                                string
	Redirects, Audiences, Permissions, Faults []string
	Claims                                    []token.Claim
	Line                                      int
}

// The keys of the lists of idp, which no flag has.
const (
	usersKey   = "idp.users"
	clientsKey = "idp.clients"
)

// UserAt and ClientAt return the position of entry i.
func (c *File) UserAt(i int) string   { return c.entryAt(usersKey, c.Users[i].Line, i) }
func (c *File) ClientAt(i int) string { return c.entryAt(clientsKey, c.Clients[i].Line, i) }

// claimsTo returns what reads claims into to.
func (r *reader) claimsTo(to *[]token.Claim) func(*yaml.Node, string) {
	return func(n *yaml.Node, here string) { *to = r.claimsOf(n, here) }
}

// user reads one of idp.users.
func (r *reader) user(key string, n *yaml.Node) {
	e := UserEntry{Line: n.Line}
	whole := r.entry(n, key, members{
		"name": r.textTo(&e.Name), "permissions": r.textsTo(&e.Permissions), "roles": r.textsTo(&e.Roles),
		"groups": r.textsTo(&e.Groups), "claims": r.claimsTo(&e.Claims),
	})
	if whole && e.Name == "" {
		r.fail(n, key, "name is required")
	}
	r.out.Users = append(r.out.Users, e)
}

// client reads one of idp.clients.
func (r *reader) client(key string, n *yaml.Node) {
	e := ClientEntry{Line: n.Line}
	whole := r.entry(n, key, members{
		"id": r.textTo(&e.ID), "secret": r.textTo(&e.Secret), "redirects": r.textsTo(&e.Redirects), "audiences": r.textsTo(&e.Audiences),
		"permissions": r.textsTo(&e.Permissions), "faults": r.textsTo(&e.Faults), "claims": r.claimsTo(&e.Claims),
	})
	if whole && e.ID == "" {
		r.fail(n, key, "id is required")
	}
	r.out.Clients = append(r.out.Clients, e)
}

func textsSchema(description string) object {
	return object{"type": "array", "minItems": 1, "items": object{"type": "string", "minLength": 1}, "description": description}
}

func userEntrySchema() object {
	entry := mapping(object{
		"name":        object{"type": "string", "minLength": 1, "description": "what the login page shows"},
		"permissions": textsSchema("NS:ROLE, for Temporal"),
		"roles":       textsSchema("roles, where idp.like has them"),
		"groups":      textsSchema("groups, where idp.like has them"),
		"claims":      object{"type": []string{"object", "null"}, "description": "claims of every token of the user, by their names"},
	})
	entry["type"], entry["required"] = "object", []string{"name"}
	return entry
}

func clientEntrySchema() object {
	entry := mapping(object{
		"id":          object{"type": "string", "minLength": 1, "description": "client_id"},
		"secret":      object{"type": "string", "minLength": 1, "description": "client_secret; a client without one needs PKCE"},
		"redirects":   textsSchema("addresses that a login may return to"),
		"audiences":   textsSchema("aud of the client's access tokens"),
		"permissions": textsSchema("NS:ROLE, for Temporal, of the client's own tokens"),
		"faults":      textsSchema("what is wrong with the client's tokens on purpose"),
		"claims":      object{"type": []string{"object", "null"}, "description": "claims of the client's own tokens, by their names"},
	})
	entry["type"], entry["required"] = "object", []string{"id"}
	return entry
}
