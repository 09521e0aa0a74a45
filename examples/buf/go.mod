// An example of jwtctl as a plugin of Buf; package.json pins the buf that its
// tests run. A module of its own: it is tested after the rest, with jwtctl built.
module github.com/jwtctl/jwtctl/examples/buf

go 1.26.0
