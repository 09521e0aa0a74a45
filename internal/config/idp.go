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

// ClientEntry is one of idp.clients. Its secret may be in the file, since it protects
// nothing.
type ClientEntry struct {
	ID, Secret                                string
	Redirects, Audiences, Permissions, Faults []string
	Claims                                    []token.Claim
	Line                                      int
}

// The keys of idp's lists, which have no flags.
const (
	usersKey   = "idp.users"
	clientsKey = "idp.clients"
)

// UserPosition and ClientPosition return the position of entry i.
func (c *File) UserPosition(i int) string   { return c.entryPosition(usersKey, c.Users[i].Line, i) }
func (c *File) ClientPosition(i int) string { return c.entryPosition(clientsKey, c.Clients[i].Line, i) }

// user is one of idp.users.
func (r *reader) user() entry {
	e := UserEntry{}
	return entry{members{
		"name":        r.stringTo(&e.Name, "name on the login page"),
		"permissions": r.stringsTo(&e.Permissions, "Temporal permissions, NS:ROLE"),
		"roles":       r.stringsTo(&e.Roles, "roles, if the issuer that idp.like imitates has them"),
		"groups":      r.stringsTo(&e.Groups, "groups, if the issuer that idp.like imitates has them"),
		"claims":      r.claimsTo(&e.Claims, "claims of each of the user's tokens, by name"),
	}, required("name"), func(n *yaml.Node, key string, valid bool) {
		if e.Line = n.Line; valid && e.Name == "" {
			r.fail(n, key, "name is required")
		}
		r.out.Users = append(r.out.Users, e)
	}}
}

// client is one of idp.clients.
func (r *reader) client() entry {
	e := ClientEntry{}
	return entry{members{
		"id":          r.stringTo(&e.ID, "client_id"),
		"secret":      r.stringTo(&e.Secret, "client_secret; without one, the client must use PKCE"),
		"redirects":   r.stringsTo(&e.Redirects, "URLs that a login may redirect to"),
		"audiences":   r.stringsTo(&e.Audiences, "aud of the client's access tokens"),
		"permissions": r.stringsTo(&e.Permissions, "Temporal permissions, NS:ROLE, in the client's own tokens"),
		"faults":      r.stringsTo(&e.Faults, "faults to put into the client's tokens, for tests"),
		"claims":      r.claimsTo(&e.Claims, "claims of the client's own tokens, by name"),
	}, required("id"), func(n *yaml.Node, key string, valid bool) {
		if e.Line = n.Line; valid && e.ID == "" {
			r.fail(n, key, "id is required")
		}
		r.out.Clients = append(r.out.Clients, e)
	}}
}
