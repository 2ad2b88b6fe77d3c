#!/usr/bin/env bash
# The product on a bare Debian 12: python3, python3-venv, git, make, ca-certificates, and nothing else. Run as root.
#
#     tests/long/bare_debian.sh [PORT]
#
# Makes such a root, clones the last commit into it, says `make up` there, and executes the demo's first flow.
# Prints how many seconds each took; exits 0 only if the flow ended as dbt says it must.
set -euo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
port=${1:-18149}
root=$(mktemp -d --suffix=-bare-debian)
namespace=""
clean() {
  # Ending the first process of its process namespace ends every other one in it.
  [ -z "$namespace" ] || { pkill -KILL -P "$namespace" || true; kill -KILL "$namespace" 2>/dev/null || true; wait "$namespace" 2>/dev/null || true; }
  rm -rf --one-file-system "$root"
}
trap clean EXIT

echo "making a bare Debian 12"
debootstrap --variant=minbase --include=python3,python3-venv,git,make,ca-certificates bookworm "$root" >"$root.log" 2>&1 || { tail -5 "$root.log"; exit 1; }
rm -f "$root.log"
for program in node npm redis-server valkey-server docker; do
  [ ! -e "$root/usr/bin/$program" ] || { echo "$program is there: this Debian is not bare"; exit 1; }
done
# How this machine reaches the package indexes is not what is tested: take it over.
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
for file in /etc/resolv.conf /etc/hosts /etc/pip.conf "$HOME/.npmrc"; do
  [ ! -e "$file" ] || { mkdir -p "$root$(dirname "$file")" && cp -L "$file" "$root$file"; }
done
reach=()
while IFS= read -r line; do reach+=("$line"); done < <(env | grep -Ei '^(pip_(index_url|extra_index_url|cert|default_timeout|find_links)|uv_[a-z_]*|npm_config_[a-z_]*|node_extra_ca_certs|ssl_cert_file|ssl_cert_dir|requests_ca_bundle|[a-z]*_proxy)=' || true)

git clone --quiet --no-hardlinks "$source" "$root/srv/kestra_web"
cat >"$root/srv/start" <<'START'
#!/bin/sh
mount -t proc proc /proc
cd /srv/kestra_web && exec make up
START
chmod +x "$root/srv/start"
for device in null zero random urandom; do
  mode=666; case $device in null) minor=3;; zero) minor=5;; random) minor=8;; urandom) minor=9;; esac
  [ -e "$root/dev/$device" ] || mknod -m $mode "$root/dev/$device" c 1 $minor
done

begun=$(date +%s.%N)
seconds() { python3 -c "import time; print(f'{time.time() - $begun:.1f}')"; }
unshare --pid --mount --fork --kill-child \
  env -i "${reach[@]}" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME="$HOME" LANG=C.UTF-8 \
      PORT="$port" KESTRA_WEB_ADMIN_PASSWORD=a-password-for-bare-debian \
  chroot "$root" /srv/start >"$root/srv/output" 2>&1 &
namespace=$!
until grep -q '^up *| ready ' "$root/srv/output"; do
  kill -0 "$namespace" 2>/dev/null || { cat "$root/srv/output"; exit 1; }
  [ "$(seconds | cut -d. -f1)" -lt 600 ] || { cat "$root/srv/output"; echo "not ready after 600 s"; exit 1; }
  sleep 0.2
done
echo "make up: ready after $(seconds) s"

begun=$(date +%s.%N)
python3 - "$port" <<'RUN' || { tail -50 "$root/srv/output"; exit 1; }
import base64, json, sys, time, urllib.request

login = base64.b64encode(b"admin@kestra.io:a-password-for-bare-debian").decode()

def call(method, path):
    request = urllib.request.Request(f"http://127.0.0.1:{sys.argv[1]}/api/v1/main{path}", method=method, headers={"Authorization": f"Basic {login}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)

identifier = call("POST", "/executions/company.team.dbt/dbt_duckdb")["id"]
until = time.monotonic() + 900
while time.monotonic() < until:
    execution = call("GET", f"/executions/{identifier}")
    if execution["state"]["current"] in ("SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED"):
        break
    time.sleep(0.5)
runs = execution.get("taskRunList") or []
print(f"demo flow: {execution['state']['current']} with {len(runs)} task runs")
if execution["state"]["current"] not in ("SUCCESS", "WARNING"):
    for line in call("GET", f"/logs/{identifier}?minLevel=WARN")[-20:]:
        print(line["level"], line["message"])
    sys.exit(1)
RUN
echo "demo flow: ended after $(seconds) s"
