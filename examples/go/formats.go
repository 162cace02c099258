package main

// Owns the formats: from a message as JSON to the bytes of a record's value, and from those of a receipt or a reply back.
// JSON is what this program reads and prints; one of your own encodes and decodes its types in the same places.

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/bufbuild/protocompile"
	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/sr"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"
)

type encoder func(message json.RawMessage) ([]byte, error)
type decoder func(ctx context.Context, value []byte) (json.RawMessage, error)

// From a message to the bytes of a record's value, with the newest schema of the subject. Who may change a schema decides it,
// not whoever happens to produce first: never registered from here.
func newEncoder(ctx context.Context) (encoder, error) {
	if format == "json" {
		return func(message json.RawMessage) ([]byte, error) { return message, nil }, nil
	}
	client, err := registry()
	if err != nil {
		return nil, err
	}
	latest, err := client.SchemaByVersion(ctx, subject, -1)
	if err != nil {
		return nil, fmt.Errorf("the newest schema of %s: %w", subject, err)
	}
	// Magic byte and schema id; in Protobuf also which message of the schema's file it is.
	header := new(sr.ConfluentHeader)
	switch format {
	case "avro":
		schema, err := avro.Parse(latest.Schema.Schema)
		if err != nil {
			return nil, err
		}
		return func(message json.RawMessage) ([]byte, error) {
			fields, err := fieldsOf(message)
			if err != nil {
				return nil, err
			}
			return sr.Encode(fields, header, latest.ID, nil, func(any) ([]byte, error) { return schema.Encode(fields) })
		}, nil
	case "json-schema":
		return func(message json.RawMessage) ([]byte, error) {
			return sr.Encode(message, header, latest.ID, nil, func(any) ([]byte, error) { return message, nil })
		}, nil
	case "protobuf":
		// Compiled at the start; with classes made by protoc-gen-go this is proto.Marshal of one of them.
		compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{
			Accessor: protocompile.SourceAccessorFromMap(map[string]string{"outbound.proto": latest.Schema.Schema}),
		})}
		files, err := compiler.Compile(ctx, "outbound.proto")
		if err != nil {
			return nil, err
		}
		descriptor := files[0].Messages().Get(0)
		return func(message json.RawMessage) ([]byte, error) {
			fields := dynamicpb.NewMessage(descriptor)
			if err := protojson.Unmarshal(message, fields); err != nil {
				return nil, err
			}
			return sr.Encode(fields, header, latest.ID, []int{0}, func(any) ([]byte, error) { return proto.Marshal(fields) })
		}, nil
	}
	return nil, fmt.Errorf("FORMAT is %s; it can be json, avro, json-schema or protobuf", format)
}

// Numbers stay as they are written: ids may be beyond 2^53.
func fieldsOf(message json.RawMessage) (map[string]any, error) {
	reader := json.NewDecoder(bytes.NewReader(message))
	reader.UseNumber()
	var fields map[string]any
	err := reader.Decode(&fields)
	return fields, err
}

// From the bytes of a receipt's or a reply's value to JSON.
func newDecoder() (decoder, error) {
	if format == "json" {
		return func(_ context.Context, value []byte) (json.RawMessage, error) { return value, nil }, nil
	}
	if format != "avro" && format != "json-schema" {
		return nil, fmt.Errorf("FORMAT is %s; it can be json, avro or json-schema", format)
	}
	client, err := registry()
	if err != nil {
		return nil, err
	}
	header := new(sr.ConfluentHeader)
	schemas := map[int]*avro.Schema{}
	return func(ctx context.Context, value []byte) (json.RawMessage, error) {
		id, payload, err := header.DecodeID(value)
		if err != nil || format == "json-schema" {
			return payload, err
		}
		schema, known := schemas[id]
		if !known {
			written, err := client.SchemaByID(ctx, id)
			if err != nil {
				return nil, err
			}
			if schema, err = avro.Parse(written.Schema); err != nil {
				return nil, err
			}
			schemas[id] = schema
		}
		var fields any
		if _, err := schema.Decode(payload, &fields); err != nil {
			return nil, err
		}
		return json.Marshal(fields)
	}, nil
}
