package suggest_test

import (
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/suggest"
)

func TestNearest(t *testing.T) {
	names := []string{"shop.Shop/Buy", "shop.Shop/Look", "shop.Order", "format", "proto_paths", "id", "algorithm", "bearer"}
	for name, want := range map[string]string{
		"shop.Ordr": "shop.Order", "Order": "shop.Order", "order": "shop.Order", "shop.shop/buy": "shop.Shop/Buy", "/shop.Shop/Buy": "shop.Shop/Buy",
		"Shop/Buy": "shop.Shop/Buy", "Buy": "shop.Shop/Buy", "formt": "format", "fromat": "format", "proto-paths": "proto_paths", "ID": "id", "alg": "algorithm", "bearer-token": "bearer", "al": "",
		"": "", "zzzzzz": "", "xy": "", "completely.else/There": "", strings.Repeat("a", 300): "",
	} {
		if got := suggest.Nearest(name, names); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

// TestNearestPrefersTheSameLength: a wrong letter is likelier than a missing one.
func TestNearestPrefersTheSameLength(t *testing.T) {
	names := []string{"key", "keys", "key_sets"}
	for name, want := range map[string]string{"keyz": "keys", "kes": "key", "keyss": "keys", "ke": "key"} {
		if got := suggest.Nearest(name, names); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for pair, want := range map[[2]string]int{{"", ""}: 0, {"", "abc"}: 3, {"abc", ""}: 3, {"kitten", "sitting"}: 3, {"ab", "ba"}: 2, {"same", "same"}: 0} {
		if got := suggest.Distance(pair[0], pair[1]); got != want {
			t.Errorf("%q: got %d, want %d", pair, got, want)
		}
	}
}
