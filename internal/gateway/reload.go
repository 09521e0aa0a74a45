// Package gateway runs a proxy as a long-lived process: addresses, TLS, metrics, and a
// policy that is reloaded when its files change.
package gateway

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/diff"
	"github.com/jwtctl/jwtctl/internal/enforce"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/gateway/tlsfiles"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/input/policies"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// reloader puts changed policies and certificates in force.
type reloader struct {
	d       command.Deps
	name    string // of the command, and of its section in jwtctl.yaml
	sets    *input.SetCache
	policy  policies.Flags
	serving sharedFlags
	// reread evaluates the command line, the environment and the configuration again, as
	// at the start.
	reread func() (*currentSettings, error)
	// prepare returns a function that puts p in force; nothing changes before it is
	// called.
	prepare func(p *policies.Policy) (swap func() error, err error)
	certs   *tlsfiles.Certificates
	watched watched
	seen    map[string]os.FileInfo        // when the policy in force was read
	problem string                        // why the last reload failed, or ""
	current *policies.Policy              // the policy in force
	history *diff.History[comparedPolicy] // the policies before it

	loadedAt atomic.Int64 // when the policy in force was read, as Unix time in seconds
	failing  atomic.Bool
	// weakened counts the changes by which reloads weakened the policy.
	weakened atomic.Int64
}

// currentSettings is the current state of flags, environment and jwtctl.yaml.
type currentSettings struct {
	d      command.Deps
	policy policies.Flags
	// needsRestart is set if a setting changed that only applies at the next start.
	needsRestart bool
}

// start loads the first policy.
func (r *reloader) start(ctx context.Context) (*policies.Policy, error) {
	w := watchedBy(r.d, r.policy, r.serving.tls)
	seen := w.stat()
	var err error
	if r.certs, err = r.serving.tls.Load(r.d.System.Now); err != nil {
		return nil, err
	}
	p, err := r.load(ctx, r.d, r.policy)
	if err != nil {
		return nil, err
	}
	r.policy.Keys.Passphrase.DisablePrompt()
	r.history = newHistory()
	r.activate(p, w, seen)
	r.warnOpen(p)
	return p, nil
}

// load loads the policy given by flags.
func (r *reloader) load(ctx context.Context, d command.Deps, flags policies.Flags) (*policies.Policy, error) {
	return flags.Load(ctx, d, d.System.Now, policies.LoadOptions{Cache: r.sets, Keyless: true})
}

func enforced(p *policies.Policy) enforce.Policy {
	return enforce.Policy{Plan: p.Plan, Verifier: p.Verifier, Signer: p.Signer}
}

// activate records the sources of p. seen is the state of the files before they were read,
// so that changes during the read are noticed next time.
func (r *reloader) activate(p *policies.Policy, w watched, seen map[string]os.FileInfo) {
	var imports []string
	for _, f := range p.Set.Files() {
		imports = append(imports, f.Location)
		for _, dir := range w.importPaths { // a new file there may take precedence
			imports = append(imports, filepath.Join(dir, f.Descriptor.Path()))
		}
	}
	w.fixed = append(w.fixed, imports...)
	for name, info := range (watched{fixed: imports}).stat() {
		if _, known := seen[name]; !known {
			seen[name] = info
		}
	}
	r.watched, r.seen, r.current = w, seen, p
	r.sets.EndLoad(true)
	r.loadedAt.Store(r.d.System.Now().Unix())
}

// inputs returns the files that results must not overwrite.
func (r *reloader) inputs() []string { return slices.Collect(maps.Keys(r.seen)) }

// watch reloads changed files, and whenever requests receives, until ctx is done. Like
// jwks.Publisher, it polls rather than waits for events.
func (r *reloader) watch(ctx context.Context, requests <-chan struct{}) {
	ticker := time.NewTicker(r.serving.every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-requests:
			r.reload(ctx, true)
		case <-ticker.C:
			// After a failure the files may look the same as before: one may be back in
			// its place.
			if r.problem != "" || !maps.EqualFunc(r.seen, r.watched.stat(), sameFile) {
				r.reload(ctx, false)
			}
		}
	}
}

// reload loads everything again and puts it in force, or logs why not: each time if
// requested by SIGHUP, otherwise once for each reason.
func (r *reloader) reload(ctx context.Context, asked bool) {
	log := r.d.Logger()
	err := r.replace(ctx)
	switch {
	case ctx.Err() != nil:
	case err == nil:
		r.problem = ""
		r.failing.Store(false)
		log.Info("policy reloaded")
	default:
		r.sets.EndLoad(false)
		r.failing.Store(true)
		// Joined errors have one line each.
		text := strings.ReplaceAll(quote.Printable(err.Error()), "\n", "; ")
		if asked || text != r.problem {
			log.Error("reload failed, keeping the current policy", "code", fault.CodeOf(err), "error", text)
		}
		r.problem = text
	}
}

// replace replaces policy and certificates, or neither.
func (r *reloader) replace(ctx context.Context) (err error) {
	defer func() {
		if v := recover(); v != nil { // a panic in the background would end the proxy
			err = fault.New(fault.Internal, "policy", "reload failed (panic)")
		}
	}()
	before := r.watched.stat()
	now, err := r.reread()
	if err != nil {
		return err
	}
	if now.needsRestart {
		r.d.Warn("changes under %s: in jwtctl.yaml take effect after a restart", r.name)
	}
	w := watchedBy(now.d, now.policy, r.serving.tls)
	seen := w.stat()
	for name := range seen {
		if info, known := before[name]; known { // the configuration has been read already
			seen[name] = info
		}
	}
	certs, err := r.serving.tls.Read(r.d.System.Now)
	if err != nil {
		return err
	}
	p, err := r.load(ctx, now.d, now.policy)
	if err != nil {
		return err
	}
	weaker, err := r.weaker(p)
	if err == nil {
		err = r.checkWeaker(weaker)
	}
	if err != nil {
		return err
	}
	swap, err := r.prepare(p)
	if err == nil {
		err = swap()
	}
	if err != nil {
		return err
	}
	r.certs.Use(certs)
	opened := r.current.Plan.Enforces() && !p.Plan.Enforces()
	r.history.Replace(newComparedPolicy(r.current), newComparedPolicy(p))
	r.activate(p, w, seen)
	r.warnWeaker(ctx, weaker)
	if opened {
		r.warnOpen(p)
	}
	return nil
}
