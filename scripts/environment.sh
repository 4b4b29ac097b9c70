# Sourced by the other scripts: makes .venv from a lock file when it isn't there or the lock has changed.
# shellcheck shell=bash
VENV="$PWD/.venv"
WEIGHTS="${INTERLOCUTOR_WEIGHTS:-${XDG_CACHE_HOME:-$HOME/.cache}/interlocutor/models}" # real models that tests read with

need_python() {
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    { echo "Python 3.11 or newer is needed: apt-get install python3 python3-venv" >&2; exit 1; }
}

apt_install() { # packages, as root; says what to do otherwise
  if [ "$(id -u)" != 0 ]; then
    echo "Please run: sudo apt-get install $*" >&2
    exit 1
  fi
  echo "Installing $* ..."
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } >/dev/null
}

make_venv() { # FOLDER STAMP [REQUIREMENTS ...]: an environment of its own with these installed; new when the stamp is
  local folder="$1" stamp="$2"
  shift 2
  need_python
  [ "$(cat "$folder/.made-from" 2>/dev/null)" != "$stamp" ] || return 0
  python3 -c 'import ensurepip' 2>/dev/null || apt_install python3-venv
  [ -x "$folder/bin/pip" ] || python3 -m venv "$folder"
  local requirements
  for requirements in "$@"; do
    echo "Installing $requirements in $folder; the first time takes some minutes ..."
    "$folder/bin/pip" install --quiet --disable-pip-version-check --prefer-binary -r "$requirements"
  done
  [ $# -eq 0 ] || echo "$stamp" >"$folder/.made-from"
}

environment() { # base, gpu or dev
  local lock="requirements/$1.lock" stamp
  need_python
  stamp="$1 $(cat "$lock" pyproject.toml | sha256sum | cut -c1-16)"
  # A test environment serves as well.
  case "$(cat "$VENV/.made-from" 2>/dev/null)" in "$stamp" | "dev $(cat requirements/dev.lock pyproject.toml | sha256sum | cut -c1-16)") return ;; esac
  echo "Making the environment (.venv) from $lock; the first time takes a minute ..."
  make_venv "$VENV" "$stamp"
  # Both write one module: the one that goes must go before the other comes.
  local other=onnxruntime-gpu
  [ "$1" != gpu ] || other=onnxruntime
  "$VENV/bin/pip" uninstall --quiet --disable-pip-version-check --yes "$other" 2>/dev/null || true
  # The lock is complete but for packages that nothing here imports (scripts/lock), so pip must not look for more.
  "$VENV/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --no-deps --require-hashes -r "$lock"
  "$VENV/bin/pip" install --quiet --disable-pip-version-check --no-deps --editable .
  echo "$stamp" >"$VENV/.made-from"
}
