# Sourced by the scripts that run OpenAI's JavaScript clients: brings them from npm, beside the programs that use them.
# shellcheck shell=bash
NPM_CLIENTS=.cache/openai-clients

npm_clients() {
  command -v npm >/dev/null || apt_install npm
  mkdir -p "$NPM_CLIENTS"
  cp tests/openai_js/package.json tests/openai_js/package-lock.json tests/openai_js/talk.js \
    tests/stock_clients/*.mjs "$NPM_CLIENTS"
  npm ci --prefix "$NPM_CLIENTS" --no-audit --no-fund --ignore-scripts --loglevel=error
}
