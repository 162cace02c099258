#!/bin/sh
# Prints the dead letters: why, and the record as it was.
#
#   ./dead-letters.sh             all that the topic has, then ends

set -eu
. "$(dirname "$0")/settings.sh"

kcat -F "$kcat_settings" -C -t "$DLQ_TOPIC" -o beginning -e -q -J |
  jq -c '(.headers | [_nwise(2)] | map({ (.[0]): .[1] }) | add) as $headers | { key, headers: $headers, value: .payload }'
