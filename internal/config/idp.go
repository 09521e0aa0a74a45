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

// texts reads a list of strings.
func (r *reader) texts(n *yaml.Node, key string) (list []string) {
	r.items(n, key, func(key string, item *yaml.Node) { list = append(list, r.text(item, key)) })
	return list
}

// user reads one of idp.users.
func (r *reader) user(key string, n *yaml.Node) {
	e, before := UserEntry{Line: n.Line}, len(r.faults)
	r.fields(n, key, func(name string, at, value *yaml.Node) {
		here := join(key, name)
		switch name {
		case "name":
			e.Name = r.text(value, here)
		case "permissions":
			e.Permissions = r.texts(value, here)
		case "roles":
			e.Roles = r.texts(value, here)
		case "groups":
			e.Groups = r.texts(value, here)
		case "claims":
			e.Claims = r.claimsOf(value, here)
		default:
			r.unknown(at, here, []string{"claims", "groups", "name", "permissions", "roles"})
		}
	})
	if len(r.faults) == before && e.Name == "" {
		r.fail(n, key, "name is required")
	}
	r.out.Users = append(r.out.Users, e)
}

// client reads one of idp.clients.
func (r *reader) client(key string, n *yaml.Node) {
	e, before := ClientEntry{Line: n.Line}, len(r.faults)
	r.fields(n, key, func(name string, at, value *yaml.Node) {
		here := join(key, name)
		switch name {
		case "id":
			e.ID = r.text(value, here)
		case "secret":
			e.Secret = r.text(value, here)
		case "redirects":
			e.Redirects = r.texts(value, here)
		case "audiences":
			e.Audiences = r.texts(value, here)
		case "permissions":
			e.Permissions = r.texts(value, here)
		case "faults":
			e.Faults = r.texts(value, here)
		case "claims":
			e.Claims = r.claimsOf(value, here)
		default:
			r.unknown(at, here, []string{"audiences", "claims", "faults", "id", "permissions", "redirects", "secret"})
		}
	})
	if len(r.faults) == before && e.ID == "" {
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
