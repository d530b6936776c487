#!/bin/sh
# A gift card that is reported stolen: its account is frozen, so that nothing leaves it, and its money moves to a new card.
# Each write has a transaction id, so the whole script may be run again: it has one effect.
set -eu
jetledger() { node "$(dirname "$0")/../bin/jetledger.js" "$@"; } # leave this out where jetledger is installed

echo "sold: $(jetledger credit card-4711 5000 --transaction-id card-4711-sold)"
echo "used: $(jetledger debit card-4711 1200 --transaction-id card-4711-used)"

echo "stolen: $(jetledger restrict card-4711 frozen --reason 'reported stolen' --transaction-id card-4711-stolen)"
# the thief pays with it: the command is refused, prints why, and ends with exit code 1
if refusal=$(jetledger debit card-4711 3800 --transaction-id card-4711-thief 2>/dev/null)
then echo "the card was not frozen: $refusal" >&2; exit 1
fi
echo "thief: $refusal"

# the owner has proved that it is hers: the money moves to a new card, and the old one is closed
jetledger restrict card-4711 active --reason 'a new card' --transaction-id card-4711-thaw >/dev/null
echo "moved: $(jetledger transfer card-4711 card-4712 3800 --transaction-id card-4711-moved)"
echo "closed: $(jetledger restrict card-4711 closed --reason 'replaced by card-4712' --transaction-id card-4711-closed)"
