package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

type line struct {
	// Absent: the conversation's id. null: none.
	Key     json.RawMessage   `json:"key"`
	Headers map[string]string `json:"headers"`
	Value   json.RawMessage   `json:"value"`
}

// What a producer of your own does: ids that your system has already, so that a repeat has the same ones. Never a random id:
// after a crash you produce the message again, and only the same id tells that it is the same.
const exampleLine = `{"value": {
	"business_id": "42",
	"external_conversation_id": "go-ticket-4711",
	"external_message_id": "go-ticket-4711-comment-1",
	"content": "Is the terrace open? 🌿",
	"sender_type": "Consumer"
}}`

func produce(ctx context.Context, file string) error {
	lines, err := open(file)
	if err != nil {
		return err
	}
	defer lines.Close()
	compressed, err := compression()
	if err != nil {
		return err
	}
	encode, err := newEncoder(ctx)
	if err != nil {
		return err
	}
	// By default: acknowledged by all replicas in sync, idempotent (retried records are neither lost, nor doubled, nor out of
	// order), and keys are placed as Java's producer places them.
	client, err := kafka(kgo.ProducerBatchCompression(compressed))
	if err != nil {
		return err
	}
	defer client.Close()

	var problem kgo.FirstErrPromise
	reader := json.NewDecoder(bufio.NewReader(lines))
	for {
		var read line
		if err := reader.Decode(&read); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		key, err := keyOf(read)
		if err != nil {
			return err
		}
		value, err := encode(read.Value)
		if err != nil {
			return err
		}
		record := &kgo.Record{Topic: outboundTopic, Key: key, Value: value}
		for name, text := range read.Headers {
			record.Headers = append(record.Headers, kgo.RecordHeader{Key: name, Value: []byte(text)})
		}
		client.Produce(ctx, record, problem.Promise())
	}
	if err := problem.Err(); err != nil {
		return fmt.Errorf("not all messages are in Kafka: %w; produce them again, ids unchanged", err)
	}
	return nil
}

// The conversation's id as key: it stays in one partition, and so in order.
func keyOf(read line) ([]byte, error) {
	var key *string
	if len(read.Key) > 0 {
		if err := json.Unmarshal(read.Key, &key); err != nil || key == nil {
			return nil, err
		}
		return []byte(*key), nil
	}
	var message struct {
		Conversation string `json:"external_conversation_id"`
	}
	err := json.Unmarshal(read.Value, &message)
	return []byte(message.Conversation), err
}

func open(file string) (io.ReadCloser, error) {
	switch file {
	case "":
		return io.NopCloser(strings.NewReader(exampleLine)), nil
	case "-":
		return os.Stdin, nil
	}
	return os.Open(file)
}
