package main

import (
	"context"
	"encoding/json"
	"os"

	"github.com/twmb/franz-go/pkg/kgo"
)

// How many ids are remembered. Copies come close together: of one batch, after a crash or a rebalance.
const seenMax = 100_000

// The newest ids of facts. Where a fact must not count twice even after a restart of yours, keep ce_id in a unique column of
// your database instead, written in the same transaction as what the fact changes.
type seen struct {
	ids   map[string]bool
	order []string
}

func (s *seen) isCopy(id string) bool {
	if s.ids[id] {
		return true
	}
	s.ids[id] = true
	s.order = append(s.order, id)
	if len(s.order) > seenMax {
		delete(s.ids, s.order[0])
		s.order = s.order[1:]
	}
	return false
}

type receipt struct {
	Status string  `json:"status"`
	Reason *string `json:"reason"`
}

// What there is to do about a receipt.
func actionFor(told receipt) string {
	reason := ""
	if told.Reason != nil {
		reason = *told.Reason
	}
	switch told.Status {
	case "accepted":
		if reason == "id-reused" {
			return "fix-producer" // another message had this id: Partoo ignores this one
		}
		return "wait" // Partoo has it; created follows
	case "duplicate":
		return "nothing" // you produced it again: it was not sent again
	case "created", "delivered":
		return "done"
	case "failed":
		return "tell-someone" // it is in the conversation, but did not reach the consumer
	case "rejected":
		if reason == "retries-exhausted" {
			return "produce-again" // Partoo failed on it again and again: later, with the same id
		}
		return "fix-producer" // undecodable, invalid or refused by Partoo: the dead letter has it whole, and says why
	}
	return "nothing" // a status that came later than this program
}

type fact struct {
	Topic   string            `json:"topic"`
	Key     *string           `json:"key"`
	Headers map[string]string `json:"headers"`
	Value   json.RawMessage   `json:"value"`
	Action  string            `json:"action"`
}

// Prints a JSON line for each fact, copies dropped, with what there is to do about it.
func consume(ctx context.Context) error {
	decode, err := newDecoder()
	if err != nil {
		return err
	}
	client, err := kafka(
		kgo.ConsumerGroup(variable("GROUP_ID", "example-go")),
		kgo.ConsumeTopics(receiptsTopic, repliesTopic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		// Marked below, once a record is handled: after a crash it comes again.
		kgo.AutoCommitMarks(),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	known := seen{ids: map[string]bool{}}
	printer := json.NewEncoder(os.Stdout)
	for {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			// What was handled is committed.
			return client.CommitMarkedOffsets(context.Background())
		}
		for _, failed := range fetches.Errors() {
			return failed.Err
		}
		for _, record := range fetches.Records() {
			told, err := read(ctx, decode, record)
			if err != nil {
				return err
			}
			if !known.isCopy(told.Headers["ce_id"]) {
				if err := printer.Encode(told); err != nil {
					return err
				}
			}
			client.MarkCommitRecords(record)
		}
	}
}

func read(ctx context.Context, decode decoder, record *kgo.Record) (fact, error) {
	told := fact{Topic: record.Topic, Headers: map[string]string{}, Action: "show-reply"}
	for _, header := range record.Headers {
		told.Headers[header.Key] = string(header.Value)
	}
	if record.Key != nil {
		key := string(record.Key)
		told.Key = &key
	}
	var err error
	if told.Value, err = decode(ctx, record.Value); err != nil || record.Topic != receiptsTopic {
		return told, err
	}
	var receipt receipt
	err = json.Unmarshal(told.Value, &receipt)
	told.Action = actionFor(receipt)
	return told, err
}
