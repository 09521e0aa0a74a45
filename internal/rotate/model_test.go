package rotate_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/jwtctl/jwtctl/internal/rotate"
)

// world is a key folder with its server, signers and verifiers, in steps of one second.
// Everything that may be late is late at random.
type world struct {
	random             *rand.Rand
	policy             rotate.Policy
	poll, age, refresh int // the maximum delays, in seconds, of the server's polling, its responses and the verifiers
	crash              float64

	now    int
	made   int
	state  rotate.State
	held   rotate.FolderKeys
	served []map[string]bool // by time: the IDs in the folder
	active []string          // by time: the ID that signs, or ""
	gone   map[string]int    // when a key was removed

	verifiers                       []verifier
	tokens                          []token
	refused, late, signed, promoted int
}

type verifier struct {
	keys map[string]bool
	next int // when it fetches again
}

type token struct {
	kid string
	exp int
}

func (w *world) at(t int) time.Time { return time.Unix(1_800_000_000+int64(t), 0) }

func (w *world) upTo(most int) int { return w.random.IntN(most + 1) }

// TestS17_RotationRefusesNoValidToken runs 1,000 random schedules of rotations, including forced and crashing
// ones. No token may be refused while it is valid, and no key accepted longer after its
// removal than verifiers may keep it.
func TestS17_RotationRefusesNoValidToken(t *testing.T) {
	schedules, signed, promoted := 0, 0, 0
	for range 10 { // rapid's default is 100 checks
		rapid.Check(t, func(t *rapid.T) {
			w := newWorld(t)
			for ; w.now < 500; w.now++ {
				w.tick()
			}
			if w.refused > 0 || w.late > 0 {
				t.Fatalf("%d valid tokens refused, %d removed keys accepted", w.refused, w.late)
			}
			schedules++
			signed += w.signed
			promoted += w.promoted
		})
	}
	t.Logf("%d schedules, %d tokens signed, %d promotions", schedules, signed, promoted)
	if schedules < 1000 || signed < 100*schedules || promoted < 2*schedules {
		t.Error("too few events to prove anything")
	}
}

func newWorld(t *rapid.T) *world {
	within := func(name string, low, high int) int { return rapid.IntRange(low, high).Draw(t, name) }
	w := &world{
		random:  rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)),
		poll:    within("poll", 0, 5),
		age:     within("age", 0, 20),
		refresh: within("refresh", 1, 20),
		crash:   float64(within("crashes per cent", 0, 50)) / 100,
		held:    rotate.FolderKeys{},
		gone:    map[string]int{},
	}
	learn := w.poll + w.age + w.refresh
	w.policy = rotate.Policy{
		Every:        time.Duration(within("every", 0, 100)) * time.Second,
		PublishWait:  time.Duration(learn+within("more wait", 0, 20)) * time.Second,
		MaxTokenLife: time.Duration(within("life", 1, 100)) * time.Second,
	}
	for len(w.held) == 0 { // a server does not start without keys
		w.rotate(false)
	}
	for range 3 {
		w.verifiers = append(w.verifiers, verifier{next: 1})
	}
	return w
}

// tick advances the time by a second.
func (w *world) tick() {
	if w.random.IntN(10) == 0 {
		w.rotate(w.random.IntN(5) == 0)
	}
	w.record()
	for i := range w.verifiers {
		v := &w.verifiers[i]
		if w.now >= v.next {
			v.keys = w.served[max(0, w.now-w.upTo(w.poll)-w.upTo(w.age))]
			v.next = w.now + 1 + w.upTo(w.refresh-1)
		}
	}
	if w.now == 0 {
		return
	}
	w.sign()
	w.verify()
}

// rotate does one run, which may be killed between any two changes.
func (w *world) rotate(force bool) {
	policy := w.policy
	policy.Force = force
	for {
		step, err := rotate.Next(w.state, w.held, w.at(w.now), policy)
		if err != nil {
			panic(err)
		}
		killed := func() bool { return w.random.Float64() < w.crash }
		switch step.Action {
		case rotate.Nothing:
			w.checkFolder()
			return
		case rotate.Make:
			w.made++
			kid := fmt.Sprintf("k%d", w.made)
			step.State.Next = &rotate.Upcoming{KeyID: kid}
			w.state = step.State
			if killed() {
				return
			}
			w.held[kid] = rotate.Files{Paths: []string{kid}, CanSign: true}
			policy.Force = false
		case rotate.Remove:
			delete(w.held, step.KeyID)
			w.gone[step.KeyID] = w.now
			if killed() {
				return
			}
			w.state = step.State
		default:
			if step.Action == rotate.Promote {
				w.promoted++
			}
			w.state = step.State
		}
		if killed() {
			return
		}
	}
}

// checkFolder fails unless, after a complete run, the folder has the keys in the state and
// no expired key.
func (w *world) checkFolder() {
	named := map[string]bool{}
	if w.state.Active != nil {
		named[w.state.Active.KeyID] = true
	}
	if w.state.Next != nil {
		named[w.state.Next.KeyID] = true
	}
	for _, r := range w.state.Retired {
		named[r.KeyID] = w.at(w.now).Before(r.RemoveAfter)
	}
	for kid := range w.held {
		if !named[kid] {
			w.late++
		}
	}
}

// record records which keys are served and which one signs at this time.
func (w *world) record() {
	ids := map[string]bool{}
	for id := range w.held {
		ids[id] = true
	}
	if n := len(w.served); n > 0 && maps.Equal(w.served[n-1], ids) {
		ids = w.served[n-1]
	}
	w.served = append(w.served, ids)
	active := ""
	if w.state.Active != nil {
		active = w.state.Active.KeyID
	}
	w.active = append(w.active, active)
}

// sign makes a token with the key that was active when its signer checked.
func (w *world) sign() {
	looked := max(0, w.now-w.upTo(int(rotate.SignerSlack.Seconds())))
	if kid := w.active[looked]; kid != "" {
		w.signed++
		w.tokens = append(w.tokens, token{kid, w.now + 1 + w.upTo(int(w.policy.MaxTokenLife.Seconds())-1)})
	}
}

// verify checks every valid token with every verifier, and that no verifier still has a
// key that was removed too long ago.
func (w *world) verify() {
	valid := w.tokens[:0]
	for _, one := range w.tokens {
		if one.exp > w.now {
			valid = append(valid, one)
		}
	}
	w.tokens = valid
	for _, v := range w.verifiers {
		for _, one := range w.tokens {
			if !v.keys[one.kid] {
				w.refused++
			}
		}
		for kid, when := range w.gone {
			if v.keys[kid] && w.now > when+w.poll+w.age+w.refresh {
				w.late++
			}
		}
	}
}
