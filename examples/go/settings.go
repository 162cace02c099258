package main

// Owns what the environment says: how Kafka and the schema registry are reached, and in which format and codec to produce.
// Secrets come from the environment, never from the code.

import (
	"crypto/tls"
	"fmt"
	"os"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"github.com/twmb/franz-go/pkg/sr"
)

func variable(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

var (
	outboundTopic = variable("OUTBOUND_TOPIC", "outbound-messages")
	receiptsTopic = variable("RECEIPTS_TOPIC", "partoo-delivery-receipts")
	repliesTopic  = variable("REPLIES_TOPIC", "partoo-replies")
	// json (plain, no registry), avro, json-schema or protobuf (the last three: Confluent's wire format, through a registry)
	format = variable("FORMAT", "json")
	// none, gzip, snappy, lz4 or zstd
	codec = variable("CODEC", "none")
	// Under which name the registry has the schema of what we produce.
	subject = variable("SUBJECT", outboundTopic+"-value")
)

// What producer and consumer share, with more of it.
func kafka(more ...kgo.Opt) (*kgo.Client, error) {
	options := []kgo.Opt{kgo.SeedBrokers(strings.Split(variable("KAFKA_BROKERS", "localhost:9092"), ",")...)}
	if os.Getenv("KAFKA_TLS") == "true" {
		options = append(options, kgo.DialTLSConfig(&tls.Config{}))
	}
	user, password := os.Getenv("KAFKA_SASL_USERNAME"), os.Getenv("KAFKA_SASL_PASSWORD")
	switch mechanism := os.Getenv("KAFKA_SASL_MECHANISM"); mechanism {
	case "":
	case "plain":
		options = append(options, kgo.SASL(plain.Auth{User: user, Pass: password}.AsMechanism()))
	case "scram-sha-256":
		options = append(options, kgo.SASL(scram.Auth{User: user, Pass: password}.AsSha256Mechanism()))
	case "scram-sha-512":
		options = append(options, kgo.SASL(scram.Auth{User: user, Pass: password}.AsSha512Mechanism()))
	default:
		return nil, fmt.Errorf("KAFKA_SASL_MECHANISM is %s; it can be plain, scram-sha-256 or scram-sha-512", mechanism)
	}
	return kgo.NewClient(append(options, more...)...)
}

func compression() (kgo.CompressionCodec, error) {
	switch codec {
	case "none":
		return kgo.NoCompression(), nil
	case "gzip":
		return kgo.GzipCompression(), nil
	case "snappy":
		return kgo.SnappyCompression(), nil
	case "lz4":
		return kgo.Lz4Compression(), nil
	case "zstd":
		return kgo.ZstdCompression(), nil
	}
	return kgo.NoCompression(), fmt.Errorf("CODEC is %s; it can be none, gzip, snappy, lz4 or zstd", codec)
}

func registry() (*sr.Client, error) {
	url := os.Getenv("SCHEMA_REGISTRY_URL")
	if url == "" {
		return nil, fmt.Errorf("SCHEMA_REGISTRY_URL is not set")
	}
	options := []sr.ClientOpt{sr.URLs(url)}
	if user := os.Getenv("SCHEMA_REGISTRY_USERNAME"); user != "" {
		options = append(options, sr.BasicAuth(user, os.Getenv("SCHEMA_REGISTRY_PASSWORD")))
	}
	return sr.NewClient(options...)
}
