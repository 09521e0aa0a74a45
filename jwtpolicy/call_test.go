package jwtpolicy_test

import (
	"testing"

	"github.com/jwtctl/jwtctl/jwtpolicy"
)

// TestUnguarded: a method can skip Call only if the policy has it and requires nothing of
// it, and never if an Observer counts calls. A36, S65.
func TestUnguarded(t *testing.T) {
	l := newLab(t)
	health := jwtpolicy.Options{Open: []string{"grpc.health.v1.Health/Check"}}
	p := l.policy(l.source(), health)
	health.Observer = &counter{}
	counted := l.policy(l.source(), health)
	for path, want := range map[string]bool{
		"/t.S/Open": true, "/t.S/OpenBidi": true, "/grpc.health.v1.Health/Check": true,
		"/t.S/Who": false, "/t.S/Check": false, "/t.S/Sign": false,
		"/t.S/None": false, "t.S/Open": false, "/T.S/Open": false, "/t.S/Open/": false, "": false,
	} {
		if p.Unguarded(path) != want {
			t.Errorf("%s: got %t", path, !want)
		}
		if counted.Unguarded(path) {
			t.Errorf("%s: not counted", path)
		}
	}
}
