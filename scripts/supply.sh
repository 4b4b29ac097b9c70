# Sourced by the scripts that list and scan our parts: makes the environment that they use (.cache/supply).
# shellcheck shell=bash
SUPPLY="$PWD/.cache/supply"

supply_environment() {
  local lock=requirements/supply.lock
  need_python
  [ "$(cat "$SUPPLY/.made-from" 2>/dev/null)" != "$(sha256sum "$lock")" ] || return 0
  python3 -m venv --clear "$SUPPLY"
  "$SUPPLY/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes -r "$lock"
  sha256sum "$lock" >"$SUPPLY/.made-from"
}
