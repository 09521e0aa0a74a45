package authz

// ReadCheck is checkRequest.
func ReadCheck(wire []byte) (Request, error) { return checkRequest(wire) }
