#!/bin/sh
# A day of somebody who keeps flows in files: check them, save them, run them, take them out again. Stops at the first surprise.
# Needs KESTRA_WEB_SERVER, KESTRA_WEB_TOKEN, and `kestra-web` as $KW.
set -eu
cd "$1"

ends_with() { # status command…
    wanted=$1; shift
    status=0; "$@" >out 2>err || status=$?
    test "$status" = "$wanted" || { echo "expected exit status $wanted, found $status: $*"; cat out err; exit 1; }
}
says() { grep -q -e "$1" out err || { echo "expected to read: $1"; cat out err; exit 1; }; }
silent_about_token() { ! grep -q -e "$KESTRA_WEB_TOKEN" out err || { echo "the token was printed"; exit 1; }; }

mkdir -p flows
cat >flows/greet.yml <<'YAML'
id: greet
namespace: journeys.shell
inputs:
  - id: who
    type: STRING
  - id: letter
    type: FILE
    required: false
tasks:
  - id: hello
    type: io.kestra.plugin.core.log.Log
    message: hello {{ inputs.who }}
YAML
cat >flows/fails.yaml <<'YAML'
id: fails
namespace: journeys.shell
tasks:
  - id: broken
    type: io.kestra.plugin.core.execution.Fail
YAML
printf 'id: bad\nnamespace: journeys.shell\ntasks:\n  - id: a\n    type: io.kestra.plugin.core.log.Nope\n' >bad.yml

# checking
ends_with 0 $KW flow validate flows; says "flows/greet.yml: valid"
ends_with 1 $KW flow validate flows bad.yml; says "bad.yml: invalid"; says "Invalid type: io.kestra.plugin.core.log.Nope"
ends_with 1 $KW flow validate --local bad.yml; says "Invalid type"
ends_with 0 $KW flow validate --json - <flows/greet.yml; python3 -c 'import json; assert json.load(open("out"))[0]["flow"] == "greet"'

# saving
ends_with 0 $KW flow create flows/greet.yml; says "journeys.shell.greet revision 1"
ends_with 1 $KW flow create flows/greet.yml; says "Flow id already exists"
echo "description: says hello" >>flows/greet.yml
ends_with 0 $KW flow update flows/greet.yml; says "revision 2"
ends_with 1 $KW flow update flows/fails.yaml
ends_with 0 $KW flow namespace update journeys.shell flows --delete; says "journeys.shell.fails revision 1"
ends_with 1 $KW flow namespace update journeys.shell bad.yml

# running
echo "dear reader" >letter.txt
ends_with 0 $KW execution run journeys.shell greet --input who=world --file letter=letter.txt --label team:data --follow; says "hello world"; says SUCCESS
id=$($KW execution run journeys.shell greet --input who=you)
ends_with 0 $KW execution follow "$id" --json; python3 -c 'import json; assert json.load(open("out"))["state"]["current"] == "SUCCESS"'
ends_with 1 $KW execution run journeys.shell greet; says who
ends_with 4 $KW execution run journeys.shell fails --wait; says FAILED
ends_with 1 $KW execution run journeys.shell none; says "Not Found"
ends_with 1 $KW execution follow none

# trying without saving
sed 's/^id: greet/id: draft/' flows/greet.yml >draft.yml
ends_with 0 $KW flow test draft.yml --input who=draft; says "hello draft"
ends_with 4 $KW flow test flows/fails.yaml
ends_with 1 $KW flow test draft.yml
ends_with 0 $KW flow export all --namespace journeys.shell; test "$(ls all)" = "$(printf 'journeys.shell.fails.yml\njourneys.shell.greet.yml')"
ends_with 0 $KW flow export all.zip --namespace journeys.shell; says "2 flows"

# stopping
cat >sleeps.yml <<'YAML'
id: sleeps
namespace: journeys.shell
tasks:
  - id: nap
    type: io.kestra.plugin.core.flow.Sleep
    duration: PT1M
YAML
ends_with 0 $KW flow create sleeps.yml
id=$($KW execution run journeys.shell sleeps)
ends_with 1 $KW execution follow "$id" --timeout 1
ends_with 0 $KW execution kill "$id" --wait --timeout 30; says KILLED
ends_with 4 $KW execution follow "$id"
ends_with 0 $KW flow delete journeys.shell sleeps

# what cannot be
ends_with 2 $KW flow
ends_with 1 $KW flow validate nowhere
KESTRA_WEB_SERVER=http://127.0.0.1:1 ends_with 3 $KW flow export x.zip; silent_about_token
ends_with 1 $KW flow export x.zip --token wrong; says "does not accept this token"
ends_with 1 $KW flow export x.zip --server ftp://nowhere; silent_about_token
echo done
