#!/bin/sh
# Produces messages for Partoo, as plain JSON, with kcat.
#
#   ./produce.sh                  one message; run it again, and the second is recognised as a copy
#   ./produce.sh messages.tsv     a line each: the key, a tab, the message as JSON on one line; "-" is standard input.
#                                 A line that begins with the tab has no key.
#   ./produce.sh messages.tsv traceparent=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
#                                 with headers, of every message

set -eu
. "$(dirname "$0")/settings.sh"

file=${1:-}
[ $# -eq 0 ] || shift
for header in "$@"; do
  set -- "$@" -H "$header"
  shift
done

# The conversation's id is the key: it stays in one partition, and so in order. murmur2_random places keys as Java's producer
# does (no key: anywhere); kcat's own default (CRC32) puts the same key elsewhere. The message's id is one that your system has
# already, never a random one: produced again after a crash, only the same id tells that it is the same message.
produce() {
  kcat -P -q -F "$kcat_settings" -t "$OUTBOUND_TOPIC" -K "$(printf '\t')" -Z \
    -X partitioner=murmur2_random -X enable.idempotence=true -z "$CODEC" "$@"
}

case "$file" in
  "")
    printf '%s\t%s\n' shell-ticket-4711 \
      '{"business_id": "42", "external_conversation_id": "shell-ticket-4711", "external_message_id": "shell-ticket-4711-comment-1", "content": "Is the terrace open? 🌿", "sender_type": "Consumer"}' |
      produce "$@"
    ;;
  -) produce "$@" ;;
  *) produce "$@" <"$file" ;;
esac
