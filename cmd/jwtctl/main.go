// Command jwtctl makes, serves and checks keys and tokens.
package main

import (
	"os"

	"github.com/jwtctl/jwtctl/internal/cli"
	"github.com/jwtctl/jwtctl/internal/system"
)

func main() { os.Exit(cli.Main(os.Args[1:], system.OS())) }
