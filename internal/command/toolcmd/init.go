package toolcmd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/config"
	"github.com/jwtctl/jwtctl/internal/console"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/scaffold"
	"github.com/jwtctl/jwtctl/internal/settings"
)

const initText = `Write a commented jwtctl.yaml for directory DIR (default: the current
directory), based on what is in it: .proto files with JWT annotations and their
import paths, descriptor sets, keys and key sets. What jwtctl cannot find out is
left as a comment to fill in.

An existing jwtctl.yaml is kept unless --force is given. The path of the new
file goes to stdout; check the file with jwtctl config check.`

type initOptions struct {
	out   string
	force bool
}

// Init returns the command.
func Init(d command.Deps) *cobra.Command {
	var o initOptions
	cmd := &cobra.Command{
		Use:         "init [DIR]",
		Short:       "Write a jwtctl.yaml for a directory",
		Long:        initText,
		Example:     "  jwtctl init\n  jwtctl init -o - ./api",
		Annotations: map[string]string{settings.IgnoresConfig: "yes"},
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fault.New(fault.UsageError, "init", "takes one directory (got %d)", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			return runInit(cmd.Context(), d, o, dir)
		},
	}
	fs := cmd.Flags()
	fs.StringVarP(&o.out, "out", "o", "", "`FILE` to write, - for stdout (default DIR/"+config.Name+")")
	fs.BoolVar(&o.force, "force", false, "overwrite an existing file")
	settings.FlagOnly(fs, "out", "force")
	return cmd
}

func runInit(ctx context.Context, d command.Deps, o initOptions, dir string) error {
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return fault.New(fault.UsageError, "init", "%s is not a directory", quote.Printable(dir)).WithHint("to choose the file, use jwtctl init -o FILE")
	}
	out := o.out
	if out == "" {
		out = filepath.Join(dir, config.Name)
	}
	if out != "-" {
		if err := files.CheckTarget(out, o.force); err != nil {
			return err
		}
	}
	found, err := scaffold.Scan(ctx, dir)
	if err != nil {
		return err
	}
	text := renderConfig(found)
	if out == "-" {
		return d.Print("%s", text)
	}
	if err := (files.Writer{}).Write(out, []byte(text), files.Shared, o.force); err != nil {
		return err
	}
	printFound(d, found)
	return d.Print("%s\n", out)
}

// printFound prints what the file has, and what is left to do.
func printFound(d command.Deps, f *scaffold.Found) {
	count := func(n int, one, many string) {
		if n > 0 {
			d.Info("found %s", console.Count(n, one, many))
		}
	}
	count(len(f.Methods), "method that validates something", "methods that validate something")
	count(len(f.Types), "message type with tokens", "message types with tokens")
	count(len(f.Keys), "key", "keys")
	count(len(f.KeySets), "key set", "key sets")
	switch {
	case f.Faulty != nil:
		d.Warn("the .proto files do not compile as found: correct proto_paths and protos")
		d.Warn("%s", fault.All(f.Faulty)[0])
	case len(f.Protos)+len(f.Sets) == 0:
		d.Info("found no .proto file that imports jwtctl/v1/annotations.proto or kalix/annotations.proto")
	}
	d.Info("next: jwtctl config check")
}

// renderConfig returns the file. Missing settings are in it as comments.
func renderConfig(f *scaffold.Found) string {
	var b strings.Builder
	w := configWriter{out: &b}
	w.comment("jwtctl.yaml: settings for jwtctl in this directory and below. Paths are relative to this file.",
		"Check it with jwtctl config check.")
	w.comment("", ".proto files with JWT annotations, and their import directories.")
	if len(f.Protos)+len(f.Sets) == 0 {
		w.comment("To annotate one: import \"jwtctl/v1/annotations.proto\" (built into jwtctl), and then",
			"  option (jwtctl.v1.method) = {validate: BEARER_TOKEN};   // in a method",
			"  string token = 1 [(jwtctl.v1.field) = {token: true}];   // in a message")
	}
	w.list(len(f.Protos) > 0, "proto_paths", f.ProtoPaths, "proto")
	w.list(len(f.Protos) > 0, "protos", f.Protos, "proto/**/*.proto")
	w.comment("Descriptor sets (protoc -o FILE, buf build -o FILE), instead of sources.")
	w.list(len(f.Protos) == 0 && len(f.Sets) > 0, "descriptor_sets", f.Sets, "build/api.binpb")
	w.keys(f)
	w.keySets(f)
	w.messages(f)
	w.comment("", "Clock tolerance for exp, nbf and iat.", "leeway: 30s")
	w.comment("", "Any flag can be set here, under the key shown in its help.", "lint: {strict: true}")
	return b.String()
}

// configWriter writes YAML with comments.
type configWriter struct {
	out *strings.Builder
}

// comment writes lines with the prefix "# ".
func (w *configWriter) comment(lines ...string) {
	for _, line := range lines {
		if line != "" {
			line = "# " + line
		}
		w.out.WriteString(line + "\n")
	}
}

// entry writes a line, as a comment unless holds.
func (w *configWriter) entry(holds bool, line string) {
	if !holds {
		line = "# " + line
	}
	w.out.WriteString(line + "\n")
}

// list writes a list on one line, or as a comment with an example if it has no items.
func (w *configWriter) list(holds bool, name string, items []string, example string) {
	if len(items) == 0 {
		items = []string{example}
	}
	quoted := make([]string, len(items))
	for i, item := range items {
		quoted[i] = w.text(item)
	}
	w.entry(holds, name+": ["+strings.Join(quoted, ", ")+"]")
}

// text returns s as a YAML scalar that may be in a flow list. Go's escapes are all valid
// in YAML.
func (w *configWriter) text(s string) string {
	var plain any
	if regexp.MustCompile(`^[A-Za-z_][\w./-]*$`).MatchString(s) && yaml.Unmarshal([]byte(s), &plain) == nil && plain == s {
		return s
	}
	return strconv.Quote(s)
}

func (w *configWriter) keys(f *scaffold.Found) {
	w.comment("", "Keys. The first one that fits signs. A key signs and verifies the tokens of its issuer.",
		"A secret belongs in a variable, never in this file.")
	if len(f.Issuers) > 0 {
		quoted := make([]string, len(f.Issuers))
		for i, issuer := range f.Issuers {
			quoted[i] = w.text(issuer)
		}
		w.comment("The annotations name " + strings.Join(quoted, ", ") + ".")
	}
	w.entry(len(f.Keys) > 0, "keys:")
	issuer := ""
	if len(f.Issuers) == 1 && len(f.Keys) == 1 {
		issuer = ", issuer: " + w.text(f.Issuers[0])
	}
	for _, k := range f.Keys {
		use := "verifies"
		if k.Signs {
			use = "signs and verifies"
		}
		w.entry(true, fmt.Sprintf("  - {file: %s%s} # %s, %s, %s", w.text(k.Path), issuer, k.Algorithm, quote.Printable(quote.Shorten(k.ID)), use))
	}
	if len(f.Keys) == 0 {
		w.comment("  - {file: key.priv.pem, issuer: my-issuer}")
	}
	w.comment(`  - {id: shared, algorithm: HS256, issuer: partner, secret: "env:PARTNER_SECRET"}`)
}

func (w *configWriter) keySets(f *scaffold.Found) {
	w.comment("", "Key sets of others: a file, a URL, or the set of an OpenID provider.")
	w.entry(len(f.KeySets) > 0, "key_sets:")
	for _, path := range f.KeySets {
		w.entry(true, "  - {jwks: "+w.text(path)+"}")
	}
	w.comment(`  - {issuer: "https://example.com", jwks: "https://example.com/.well-known/jwks.json", refresh_interval: 30m}`,
		`  - {issuer: "https://accounts.example.org", oidc_discovery: true}`)
}

func (w *configWriter) messages(f *scaffold.Found) {
	method, typ := "com.example.Service/Method", "com.example.Message"
	if len(f.Methods) > 0 {
		method = f.Methods[0]
	}
	if len(f.Types) > 0 {
		typ = f.Types[0]
	}
	w.comment("", "The type of each message file, for jwtctl verify FILE without --type or --method; the first match wins.", "messages:",
		`  - {files: "requests/*.json", method: `+method+"}", `  - {files: "tokens/*.json", type: `+typ+"}")
}
