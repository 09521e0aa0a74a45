package protosource_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/jwtctl/jwtctl/jwtpolicy"
	"github.com/jwtctl/jwtctl/jwtpolicy/protosource"
)

func ExampleFiles() {
	keys := []jwtpolicy.Key{jwtpolicy.OIDC("https://idp.example.org", jwtpolicy.KeyOptions{})}
	policy, err := jwtpolicy.New(context.Background(), protosource.Files(nil, "../../examples/inprocess/shop"), keys, jwtpolicy.Options{})
	fmt.Println(policy != nil, err)
	_, err = jwtpolicy.New(context.Background(), protosource.Files(nil, "none.proto"), keys, jwtpolicy.Options{})
	fmt.Println(errors.Is(err, &jwtpolicy.Error{Code: "descriptor_unreadable"}))
	// Output:
	// true <nil>
	// true
}
