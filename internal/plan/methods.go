package plan

import (
	"maps"
	"slices"
)

// Methods yields the methods with their own plan, by name.
func (p *Plan) Methods(yield func(*Method) bool) {
	for _, name := range slices.Sorted(maps.Keys(p.methods)) {
		if !yield(p.methods[name]) {
			return
		}
	}
}

// Enforces reports whether any method validates or signs anything.
func (p *Plan) Enforces() bool {
	for _, m := range p.methods {
		if m.Bearer != nil || m.WithMessages() {
			return true
		}
	}
	return false
}

// WithMessages reports whether the method validates or signs messages.
func (m *Method) WithMessages() bool { return m.Request != nil || m.Response != nil }
