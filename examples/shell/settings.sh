# Owns what the environment says: how Kafka is reached. Read by the others. Secrets come from the environment, and go to kcat
# through a file that only you can read: arguments are seen by everybody on the machine.

: "${KAFKA_BROKERS:=localhost:9092}"
: "${OUTBOUND_TOPIC:=outbound-messages}"
: "${RECEIPTS_TOPIC:=partoo-delivery-receipts}"
: "${REPLIES_TOPIC:=partoo-replies}"
: "${DLQ_TOPIC:=outbound-messages.dlq}"
# none, gzip, snappy, lz4 or zstd
: "${CODEC:=none}"
: "${GROUP_ID:=example-shell}"

kcat_settings=$(mktemp)
trap 'rm -f "$kcat_settings"' EXIT
{
  echo "bootstrap.servers=$KAFKA_BROKERS"
  case "${KAFKA_SASL_MECHANISM:+sasl}${KAFKA_TLS:+-tls}" in
    sasl-tls) echo "security.protocol=sasl_ssl" ;;
    sasl) echo "security.protocol=sasl_plaintext" ;;
    -tls) echo "security.protocol=ssl" ;;
  esac
  if [ -n "${KAFKA_SASL_MECHANISM:-}" ]; then
    echo "sasl.mechanism=$(echo "$KAFKA_SASL_MECHANISM" | tr '[:lower:]' '[:upper:]')"
    echo "sasl.username=$KAFKA_SASL_USERNAME"
    echo "sasl.password=$KAFKA_SASL_PASSWORD"
  fi
} >"$kcat_settings"
