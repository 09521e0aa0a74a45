// Command jwtctl makes, serves and checks keys and tokens.
package main

import (
	"os"

	"github.com/jwtctl/jwtctl/internal/cli"
	"github.com/jwtctl/jwtctl/internal/system"
)

func main() { os.Exit(cli.Main(cli.Arguments(os.Args), system.OS())) }
