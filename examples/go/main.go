// Produces messages for Partoo, and consumes what became of them.
//
//	go run . produce                 one message; run it again, and the second is recognised as a copy
//	go run . produce messages.jsonl  a line each: {"value": {...}}, and if need be "key" and "headers"; "-" is standard input
//	go run . consume                 receipts and replies, a JSON line each, until Ctrl-C or SIGTERM
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	stop, done := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer done()
	var err error
	switch arguments := os.Args[1:]; {
	case len(arguments) == 1 && arguments[0] == "produce":
		err = produce(stop, "")
	case len(arguments) == 2 && arguments[0] == "produce":
		err = produce(stop, arguments[1])
	case len(arguments) == 1 && arguments[0] == "consume":
		err = consume(stop)
	default:
		err = fmt.Errorf("usage: produce [file], or consume")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
