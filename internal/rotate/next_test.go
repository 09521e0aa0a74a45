package rotate_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/rotate"
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

func inHours(h int) *time.Time { t := noon.Add(time.Duration(h) * time.Hour); return &t }

func active(kid string, hours int) *rotate.Active {
	return &rotate.Active{KeyID: kid, Since: *inHours(hours)}
}

func retired(kid string, hours int) rotate.Retired {
	return rotate.Retired{KeyID: kid, RemoveAfter: *inHours(hours)}
}

// private and with describe the keys of a folder.
func private(kids ...string) rotate.FolderKeys {
	h := rotate.FolderKeys{}
	for _, kid := range kids {
		h[kid] = rotate.Files{Paths: []string{kid}, CanSign: true}
	}
	return h
}

func with(h rotate.FolderKeys, public string) rotate.FolderKeys {
	h[public] = rotate.Files{Paths: []string{public}}
	return h
}

func TestS17_NextTakesTheDueStep(t *testing.T) {
	policy := rotate.Policy{Every: 24 * time.Hour, PublishWait: time.Hour, MaxTokenLife: 2 * time.Hour}
	forced := policy
	forced.Force = true
	neverDue := policy
	neverDue.Every = 0
	life := noon.Add(2*time.Hour + rotate.SignerSlack)
	type state = rotate.State
	for name, tc := range map[string]struct {
		state  rotate.State
		held   rotate.FolderKeys
		policy rotate.Policy
		want   rotate.Step
	}{
		"empty folder": {policy: policy, want: rotate.Step{Action: rotate.Make}},
		"only public keys": {
			held: with(private(), "p"), policy: policy, want: rotate.Step{Action: rotate.Make},
		},
		"one private key": {
			held: with(private("a"), "p"), policy: policy,
			want: rotate.Step{Action: rotate.Adopt, KeyID: "a", State: state{Active: active("a", 0)}},
		},
		"killed before the first key's file was written": {
			state: state{Next: &rotate.Upcoming{KeyID: "n"}}, policy: policy,
			want: rotate.Step{Action: rotate.Forget, KeyID: "n"},
		},
		"first key signs at once": {
			state: state{Next: &rotate.Upcoming{KeyID: "n"}}, held: private("n"), policy: policy,
			want: rotate.Step{Action: rotate.Announce, KeyID: "n", State: state{Next: &rotate.Upcoming{KeyID: "n", SignsFrom: inHours(0)}}},
		},
		"first key waits if others were published before": {
			state: state{Next: &rotate.Upcoming{KeyID: "n"}}, held: with(private("n"), "p"), policy: policy,
			want: rotate.Step{Action: rotate.Announce, KeyID: "n", State: state{Next: &rotate.Upcoming{KeyID: "n", SignsFrom: inHours(1)}}},
		},
		"first key waits if the active key was lost": {
			state: state{Active: active("a", -1), Next: &rotate.Upcoming{KeyID: "n"}}, held: private("n"), policy: policy,
			want: rotate.Step{Action: rotate.Announce, KeyID: "n", State: state{Active: active("a", -1), Next: &rotate.Upcoming{KeyID: "n", SignsFrom: inHours(1)}}},
		},
		"young active key": {
			state: state{Active: active("a", -23)}, held: private("a"), policy: policy,
			want: rotate.Step{Action: rotate.Nothing, State: state{Active: active("a", -23)}},
		},
		"old active key": {
			state: state{Active: active("a", -24)}, held: private("a"), policy: policy,
			want: rotate.Step{Action: rotate.Make, State: state{Active: active("a", -24)}},
		},
		"old active key, no replacement by age": {
			state: state{Active: active("a", -1000)}, held: private("a"), policy: neverDue,
			want: rotate.Step{Action: rotate.Nothing, State: state{Active: active("a", -1000)}},
		},
		"young active key, forced": {
			state: state{Active: active("a", 0)}, held: private("a"), policy: forced,
			want: rotate.Step{Action: rotate.Make, State: state{Active: active("a", 0)}},
		},
		"forced with a pending successor": {
			state:  state{Active: active("a", -30), Next: &rotate.Upcoming{KeyID: "n", SignsFrom: inHours(1)}},
			held:   private("a", "n"),
			policy: forced,
			want:   rotate.Step{Action: rotate.Nothing, State: state{Active: active("a", -30), Next: &rotate.Upcoming{KeyID: "n", SignsFrom: inHours(1)}}},
		},
		"successor that is due": {
			state:  state{Active: active("a", -30), Next: &rotate.Upcoming{KeyID: "n", SignsFrom: inHours(0)}, Retired: []rotate.Retired{retired("r", 1)}},
			held:   private("a", "n", "r"),
			policy: policy,
			want: rotate.Step{Action: rotate.Promote, KeyID: "n", State: state{
				Active: active("n", 0), Retired: []rotate.Retired{retired("r", 1), {KeyID: "a", RemoveAfter: life}},
			}},
		},
		"successor without its file": {
			state:  state{Active: active("a", -1), Next: &rotate.Upcoming{KeyID: "n", SignsFrom: inHours(-1)}},
			held:   with(private("a"), "n"),
			policy: policy,
			want:   rotate.Step{Action: rotate.Forget, KeyID: "n", State: state{Active: active("a", -1)}},
		},
		"active key without its file": {
			state: state{Active: active("a", -1)}, held: with(private(), "a"), policy: neverDue,
			want: rotate.Step{Action: rotate.Make, State: state{Active: active("a", -1)}},
		},
		"retired key that is due": {
			state:  state{Active: active("a", -1), Retired: []rotate.Retired{retired("x", 1), retired("y", 0), retired("z", 0)}},
			held:   private("a", "x", "y", "z"),
			policy: policy,
			want:   rotate.Step{Action: rotate.Remove, KeyID: "y", State: state{Active: active("a", -1), Retired: []rotate.Retired{retired("x", 1), retired("z", 0)}}},
		},
		"retired key without its file": {
			state:  state{Active: active("a", -1), Retired: []rotate.Retired{retired("x", 1), retired("y", 1)}},
			held:   private("a", "x"),
			policy: policy,
			want:   rotate.Step{Action: rotate.Forget, KeyID: "y", State: state{Active: active("a", -1), Retired: []rotate.Retired{retired("x", 1)}}},
		},
		"files not in the state": {
			state: state{Active: active("a", -1)}, held: private("a", "x", "y"), policy: policy,
			want: rotate.Step{Action: rotate.Nothing, State: state{Active: active("a", -1)}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := fmt.Sprintf("%+v", tc.state.Retired)
			got, err := rotate.Next(tc.state, tc.held, noon, tc.policy)
			if err != nil {
				t.Fatal(err)
			}
			if after := fmt.Sprintf("%+v", tc.state.Retired); after != before {
				t.Errorf("the given state was changed to %s, want %s", after, before)
			}
			if len(got.State.Retired) == 0 {
				got.State.Retired = nil
			}
			if !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got  %+v\nwant %+v", got, tc.want)
			}
		})
	}
	if _, err := rotate.Next(rotate.State{}, private("a", "b"), noon, policy); fault.CodeOf(err) != fault.KeyAmbiguous {
		t.Errorf("two private keys without a state: got %v, want %v", err, fault.KeyAmbiguous)
	}
}

func TestPolicyCheck(t *testing.T) {
	good := rotate.Policy{MaxTokenLife: time.Hour}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for name, p := range map[string]rotate.Policy{
		"negative age":  {Every: -1, MaxTokenLife: 1},
		"negative wait": {PublishWait: -1, MaxTokenLife: 1},
		"no token life": {},
	} {
		if err := p.Check(); fault.CodeOf(err) != fault.UsageError {
			t.Errorf("%s: got %v, want %v", name, err, fault.UsageError)
		}
	}
}
