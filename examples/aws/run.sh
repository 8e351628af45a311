#!/bin/sh
# A service on AWS from the first look to a rollback. It knows nothing of a simulator: with credentials of your account and
# ACCOUNT, LISTENER, HOST, SECOND, THIRD and BAD (images) in the environment it would do the same there.
set -u
cd "$(dirname "$0")" || exit 1
TEAL=${TEAL:-teal}

# Runs a command and insists on how it ends: a number that is not the one wanted ends the example.
expect() {
  wanted=$1
  shift
  echo
  echo "\$ teal $*"
  $TEAL "$@"
  got=$?
  [ "$got" -eq "$wanted" ] && return
  echo "ended with $got instead of $wanted" >&2
  exit 1
}

echo "== What teal init would write for what runs (nothing is written here)"
expect 0 init --from "$LISTENER" --host "$HOST" --print

echo; echo "== A release: plan, deploy, look"
expect 0 plan "$SECOND"
expect 0 deploy "$SECOND"
expect 0 status

echo; echo "== The next one, a growing share at a time"
expect 0 deploy "$THIRD" --config canary.yaml

echo; echo "== Back to the previous one, which is still warm"
expect 0 rollback

echo; echo "== A release whose health check fails never gets a user"
expect 4 deploy "$BAD"
expect 0 status
