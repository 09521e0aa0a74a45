// Command go buys something in the shop and shows the receipt. The token of its calls comes
// from a file, and is read again when it was renewed.
//
//	go run ./client/go 127.0.0.1:8080 token.jwt tea
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/jwtctl/jwtctl/examples/inprocess/shop"
	"github.com/jwtctl/jwtctl/grpcauth"
)

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: go run ./client/go ADDRESS TOKEN-FILE ITEM")
	}
	if err := buy(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		log.Fatal(err)
	}
}

func buy(address, tokenFile, item string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	conn, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),        // with TLS elsewhere than on this machine
		grpc.WithPerRPCCredentials(grpcauth.TokenFile(tokenFile, true)), // true: without TLS too
	)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	client := shop.NewShopClient(conn)
	receipt, err := client.Buy(ctx, &shop.Order{Item: item})
	if err != nil {
		return err
	}
	order, err := client.Show(ctx, receipt) // the token in the receipt says that it is the shop's
	if err != nil {
		return err
	}
	fmt.Printf("%s bought %s\n", receipt.GetBuyer(), order.GetItem())
	return nil
}
