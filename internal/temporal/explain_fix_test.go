package temporal

import (
	"testing"

	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

func TestExplainFix(t *testing.T) {
	for name, row := range map[string]struct {
		authorization string
		change        func(*Request)
		want          string
	}{
		"no token":                   {want: "jwtctl token --namespace default --role write"},
		"read API":                   {change: func(r *Request) { r.API = "DescribeWorkflowExecution" }, want: "jwtctl token --namespace default --role read"},
		"cluster API":                {change: func(r *Request) { r.API = "ListNamespaces" }, want: "jwtctl token --system --role read"},
		"no namespace":               {change: func(r *Request) { r.Namespace = "" }, want: "jwtctl token --system --role write"},
		"cluster role":               {change: func(r *Request) { r.Namespace = SystemScope }, want: "jwtctl token --system --role write"},
		"audience":                   {change: func(r *Request) { r.Audience = "temporal" }, want: "jwtctl token --namespace default --role write --aud temporal"},
		"quoting":                    {change: func(r *Request) { r.Namespace, r.Audience = "it's;$x", "a b" }, want: `jwtctl token --namespace 'it'\''s;$x' --role write --aud 'a b'`},
		"unknown scope":              {change: func(r *Request) { r.Namespace = "a:b" }, want: "jwtctl token --system --role write"},
		"other claim":                {change: func(r *Request) { r.Claim = "roles" }, want: `jwtctl token --namespace default --role write --claim-json 'roles=["default:write"]'`},
		"pattern":                    {change: func(r *Request) { r.Format = ReadPermissionFormat(roleFirst) }, want: `jwtctl token --namespace default --role write --permissions-regex '^(?P<role>\w+):(?P<namespace>\w+)$'`},
		"pattern, claim":             {change: func(r *Request) { r.Format, r.Claim = ReadPermissionFormat(roleFirst), "roles" }, want: `jwtctl token --namespace default --role write --claim-json 'roles=["write:default"]'`},
		"permission without a match": {change: func(r *Request) { r.Format = ReadPermissionFormat("(?P<namespace>a)(?P<role>b)") }},
		"open, bad token":            {authorization: "x", change: func(r *Request) { r.API = "GetSystemInfo" }, want: "jwtctl token --system --role read"},
		"API that no role may call":  {change: func(r *Request) { r.API = "Health/Watch" }},
		"no usable key":              {change: func(r *Request) { r.Keys = ReadKeySet(Document{Body: []byte("{}")}) }},
		"no key with a kid": {change: func(r *Request) {
			r.Keys = ReadKeySet(Document{Body: []byte(jwks(ecJWK(ecKey(), map[string]any{"kid": nil})))})
		}},
		"allowed": {authorization: Header(es256(nil))},
		"wrong key, one matching key": {
			authorization: Header(token(ecKey2(), map[string]any{"alg": "ES256", "kid": "nope"}, claims(nil))),
			change: func(r *Request) {
				r.Keys = HeldKeys([]*keys.Key{testkit.Must(keys.New(&ecKey().PublicKey, keys.Attributes{ID: "my key"}))})
			},
			want: "jwtctl token --namespace default --role write --key FILE",
		},
		"available key is the server's, by another ID": {
			authorization: Header(token(ecKey2(), map[string]any{"alg": "ES256", "kid": "nope"}, claims(nil))),
			change: func(r *Request) {
				r.Keys = HeldKeys([]*keys.Key{testkit.Must(keys.New(&ecKey().PublicKey, keys.Attributes{ID: "my key"}))})
				r.Signers = []Signer{{Key: testkit.Must(keys.New(ecKey(), keys.Attributes{}))}}
			},
			want: "jwtctl token --namespace default --role write --kid 'my key'",
		},
		"available key is the server's": {
			change: func(r *Request) {
				r.Keys = HeldKeys([]*keys.Key{testkit.Must(keys.New(&ecKey().PublicKey, keys.Attributes{ID: "k"}))})
				r.Signers = []Signer{{Key: testkit.Must(keys.New(ecKey(), keys.Attributes{ID: "k"}))}}
			},
			want: "jwtctl token --namespace default --role write",
		},
		"another available key is the server's": {
			change: func(r *Request) {
				r.Keys = HeldKeys([]*keys.Key{testkit.Must(keys.New(&ecKey().PublicKey, keys.Attributes{ID: "k"}))})
				r.Signers = []Signer{{Key: testkit.Must(keys.New(ecKey2(), keys.Attributes{ID: "k"}))}, {Key: testkit.Must(keys.New(ecKey(), keys.Attributes{ID: "k"})), Flags: []string{"--key", "my key.pem"}}}
			},
			want: "jwtctl token --namespace default --role write --key 'my key.pem'",
		},
		"available key has the server's ID, but differs": {
			change: func(r *Request) {
				r.Keys = HeldKeys([]*keys.Key{testkit.Must(keys.New(&ecKey().PublicKey, keys.Attributes{ID: "k"}))})
				r.Signers = []Signer{{Key: testkit.Must(keys.New(ecKey2(), keys.Attributes{ID: "k"}))}}
			},
			want: "jwtctl token --namespace default --role write --key FILE",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := explain(t, row.authorization, row.change).Fix; got != row.want {
				t.Errorf("fix %s\nwant %s", got, row.want)
			}
		})
	}
}
