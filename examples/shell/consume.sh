#!/bin/sh
# Consumes receipts and replies with kcat: a JSON line for each fact, copies dropped, with what there is to do about it. Needs jq.
#
#   ./consume.sh                  ends by Ctrl-C
#
# kcat commits what it has read every few seconds, handled or not: good for a look and for scripts, not for a service.

set -eu
. "$(dirname "$0")/settings.sh"

# What there is to do about a receipt. `ce_id` names a fact: the second record with the same one is a copy.
facts='
def action_for_receipt:
  if .status == "accepted" then
    # id-reused: another message had this id, and Partoo ignores this one. Else Partoo has it, and `created` follows.
    if .reason == "id-reused" then "fix-producer" else "wait" end
  elif .status == "duplicate" then "nothing"           # you produced it again: it was not sent again
  elif .status == "created" or .status == "delivered" then "done"
  elif .status == "failed" then "tell-someone"         # it is in the conversation, but did not reach the consumer
  elif .status == "rejected" then
    # retries-exhausted: Partoo failed on it again and again; later, with the same id. Else it is undecodable, invalid or
    # refused by Partoo: the dead letter has it whole, and says why.
    if .reason == "retries-exhausted" then "produce-again" else "fix-producer" end
  else "nothing" end;                                  # a status that came later than this program

foreach inputs as $record (
  { seen: {} };
  ($record.headers | [_nwise(2)] | map({ (.[0]): .[1] }) | add) as $headers
  | .fact = if .seen[$headers.ce_id] then null else
      ($record.payload | fromjson) as $value
      | {
          topic: $record.topic, key: $record.key, headers: $headers, value: $value,
          action: (if $record.topic == $receipts then $value | action_for_receipt else "show-reply" end)
        }
    end
  | .seen[$headers.ce_id] = true;
  .fact // empty
)'

kcat -F "$kcat_settings" -G "$GROUP_ID" -X auto.offset.reset=earliest -J -u -q "$RECEIPTS_TOPIC" "$REPLIES_TOPIC" |
  jq -nc --unbuffered --arg receipts "$RECEIPTS_TOPIC" "$facts"
