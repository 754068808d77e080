# The dialer, from the locked versions, with a speech program for prompts that nobody has recorded.
FROM debian:bookworm-slim

ARG APT_OPTIONS=""
RUN apt-get $APT_OPTIONS update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates espeak-ng python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/outdial
# The dependencies first: they change less often than the source.
COPY requirements.lock ./
RUN python3 -m venv venv && venv/bin/pip install --no-cache-dir --disable-pip-version-check --only-binary :all: --require-hashes -r requirements.lock
COPY pyproject.toml setup.py MANIFEST.in README.md LICENSE ./
COPY pdc pdc
COPY config config
COPY dialer dialer
# Not copied into the environment: the switch's image has the shipped sounds at this same path.
RUN venv/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation -e . \
    && venv/bin/python -m compileall -q dialer pdc

RUN useradd --uid 10001 --no-create-home --home-dir /var/lib/outdial --shell /usr/sbin/nologin outdial \
    && mkdir -p /lab /var/lib/outdial && chown outdial: /lab /var/lib/outdial
USER outdial
WORKDIR /var/lib/outdial
ENV PATH=/opt/outdial/venv/bin:$PATH HOME=/var/lib/outdial TZ=UTC PYTHONUNBUFFERED=1
ENTRYPOINT ["dialer"]
CMD ["serve"]
