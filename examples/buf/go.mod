// An example of jwtctl as a plugin of Buf; package.json pins the buf that its
// tests run. A separate module, because it is tested after the rest, when jwtctl is built.
module github.com/jwtctl/jwtctl/examples/buf

go 1.26.0
