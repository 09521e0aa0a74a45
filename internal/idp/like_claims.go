package idp

import (
	"hash/fnv"
	"strconv"
	"strings"
)

// access gives c, the claims of an access token, the form of l.
func (l Like) access(c claims, g *grant, p *Provider) {
	switch l {
	case LikeAuth0:
		delete(c, "client_id")
		delete(c, "auth_time")
		c["azp"] = g.Client.ID
		if g.User == nil {
			c["sub"], c["gty"] = g.Client.ID+"@clients", "client-credentials"
		}
		l.setSubject(c, g)
	case LikeKeycloak:
		delete(c, "client_id")
		c["typ"], c["azp"], c["acr"] = "Bearer", g.Client.ID, "1"
		if g.User != nil {
			c["sid"] = sessionID(g.Session)
			c["allowed-origins"] = origins(g.Client)
		} else {
			c["client_id"], c["preferred_username"] = g.Client.ID, "service-account-"+strings.ToLower(g.Client.ID)
			c["sub"] = uuidFor("client", g.Client.ID)
		}
		l.setSubject(c, g)
	case LikeEntra:
		delete(c, "client_id")
		delete(c, "auth_time")
		delete(c, "jti")
		delete(c, "scope")
		c["ver"], c["tid"], c["azp"], c["nbf"], c["uti"] = "2.0", tenant, g.Client.ID, c["iat"], g.ID
		c["azpacr"] = map[bool]string{true: "1", false: "0"}[g.Client.Secret != ""]
		if g.User == nil {
			c["sub"] = uuidFor("client", g.Client.ID)
			c["oid"], c["idtyp"] = c["sub"], "app"
			return
		}
		c["scp"] = strings.Join(g.Scopes, " ")
		l.setSubject(c, g)
	case LikeOkta:
		delete(c, "client_id")
		delete(c, "scope")
		c["ver"], c["jti"], c["cid"] = 1, "AT."+g.ID, g.Client.ID
		if len(g.Scopes) > 0 {
			c["scp"] = g.Scopes
		}
		if g.User == nil {
			delete(c, "auth_time")
			return
		}
		c["sub"], c["uid"] = g.User.email(), oktaID(g.User)
	case LikeGitHub, LikeGitLab:
		for _, name := range []string{"client_id", "auth_time", "scope"} {
			delete(c, name)
		}
		if l == LikeGitHub {
			workflow(c, g)
		} else {
			job(c, g, p)
		}
	}
}

// id gives c, the claims of an id_token, the shape of l.
func (l Like) id(c claims, g *grant) {
	switch l {
	case LikeAuth0:
		delete(c, "azp")
		delete(c, "auth_time")
		delete(c, "at_hash")
		if name, ok := c["name"]; ok {
			c["nickname"] = name
		}
	case LikeKeycloak:
		c["typ"], c["acr"], c["jti"] = "ID", "1", uuidFor("id", g.ID)
	case LikeEntra:
		delete(c, "azp")
		delete(c, "auth_time")
		delete(c, "at_hash")
		c["ver"], c["tid"], c["nbf"] = "2.0", tenant, c["iat"]
	case LikeOkta:
		delete(c, "azp")
		delete(c, "sid")
		c["ver"], c["jti"], c["amr"], c["idp"] = 1, "ID."+g.ID, []string{"pwd"}, "00o1"
	}
	l.setSubject(c, g)
}

// setSubject gives the subject of a user the form of l.
func (l Like) setSubject(c claims, g *grant) {
	if g.User == nil {
		return
	}
	switch l {
	case LikeAuth0:
		c["sub"] = "auth0|" + g.User.Name
	case LikeKeycloak:
		c["sub"] = uuidFor("user", g.User.Name)
	case LikeEntra:
		c["sub"], c["oid"] = uuidFor("pairwise", g.Client.ID, g.User.Name), uuidFor("user", g.User.Name)
		if _, ok := c["preferred_username"]; ok {
			c["preferred_username"] = g.User.email()
		}
	case LikeOkta:
		c["sub"] = oktaID(g.User)
		if _, ok := c["preferred_username"]; ok {
			c["preferred_username"] = g.User.email()
		}
	}
}

func oktaID(u *User) string { return "00u" + strings.ReplaceAll(uuidFor("user", u.Name), "-", "")[:17] }

// origins returns the origins of c's pages.
func origins(c *Client) []string {
	p := Provider{}
	p.addOrigins(c)
	return p.origins
}

// owner returns the first part of OWNER/REPO.
func owner(repository string) string {
	name, _, _ := strings.Cut(repository, "/")
	return name
}

// workflow gives c the claims of a GitHub Actions job. The user or client is the
// repository, OWNER/REPO; its claims may override any of them.
func workflow(c claims, g *grant) {
	repository := project(g)
	const ref, sha = "refs/heads/main", "da39a3ee5e6b4b0d3255bfef95601890afd80709"
	path := repository + "/.github/workflows/ci.yaml@" + ref
	for name, value := range map[string]any{
		"sub": "repo:" + repository + ":ref:" + ref, "nbf": c["iat"],
		"ref": ref, "ref_type": "branch", "ref_protected": "false", "sha": sha, "head_ref": "", "base_ref": "",
		"repository": repository, "repository_owner": owner(repository), "repository_visibility": "private",
		"repository_id": number(repository), "repository_owner_id": number(owner(repository)),
		"actor": owner(repository), "actor_id": number(owner(repository)), "event_name": "push",
		"workflow": "ci", "workflow_ref": path, "workflow_sha": sha, "job_workflow_ref": path, "job_workflow_sha": sha,
		"run_id": number(g.ID), "run_number": "1", "run_attempt": "1", "runner_environment": "github-hosted",
	} {
		c[name] = value
	}
}

// job gives c the claims of a GitLab CI job's id_tokens. The user or client is the
// project, GROUP/PROJECT with any number of groups; its claims may override any of them.
func job(c claims, g *grant, p *Provider) {
	path := project(g)
	namespace := path[:strings.LastIndex(path, "/")]
	const ref, sha = "main", "da39a3ee5e6b4b0d3255bfef95601890afd80709"
	config := strings.TrimPrefix(strings.TrimPrefix(p.issuer, "http://"), "https://") + "/" + path + "//.gitlab-ci.yml@refs/heads/" + ref
	for name, value := range map[string]any{
		"sub": "project_path:" + path + ":ref_type:branch:ref:" + ref, "nbf": c["iat"],
		"namespace_id": number(namespace), "namespace_path": namespace, "project_id": number(path), "project_path": path, "project_visibility": "private",
		"user_id": number(owner(path)), "user_login": owner(path), "user_email": owner(path) + "@example.test", "user_access_level": "developer",
		"pipeline_id": number(g.ID), "pipeline_source": "push", "job_id": number("job " + g.ID),
		"ref": ref, "ref_type": "branch", "ref_path": "refs/heads/" + ref, "ref_protected": "true",
		"runner_id": 1, "runner_environment": "gitlab-hosted", "sha": sha, "ci_config_ref_uri": config, "ci_config_sha": sha,
	} {
		c[name] = value
	}
}

// project returns whose job g is for, as OWNER/NAME.
func project(g *grant) string {
	name := g.subject()
	if !strings.Contains(name, "/") {
		name += "/" + name
	}
	return name
}

// number returns the ID of name, a number as text.
func number(name string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	return strconv.FormatUint(uint64(h.Sum32()), 10)
}
