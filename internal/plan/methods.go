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
		if m.Bearer != nil || m.UsesMessages() {
			return true
		}
	}
	return false
}

// UsesMessages reports whether the method validates or signs messages.
func (m *Method) UsesMessages() bool { return m.Request != nil || m.Response != nil }
