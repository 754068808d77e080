# The switch: Debian's Asterisk 22, nothing added. Its configuration comes from the volume at /lab.
FROM debian:forky-slim

# For a mirror that is a snapshot: --build-arg APT_OPTIONS="-o Acquire::Check-Valid-Until=false" (signatures are still verified).
ARG APT_OPTIONS=""
RUN apt-get $APT_OPTIONS update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends asterisk asterisk-core-sounds-en-wav \
    && rm -rf /var/lib/apt/lists/*

# The same user in all three images: what one writes into a shared volume, the others can read.
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin outdial \
    && mkdir -p /lab /var/lib/outdial && chown outdial: /lab /var/lib/outdial
# The dialer names prompts by absolute path: its shipped sounds lie here where they lie there.
COPY dialer/ivr/prompts/sounds /opt/outdial/dialer/ivr/prompts/sounds

USER outdial
ENV TZ=UTC LC_ALL=C
ENTRYPOINT ["asterisk"]
CMD ["-f", "-n", "-C", "/lab/switch/etc/asterisk.conf"]
HEALTHCHECK --interval=2s --timeout=5s --retries=30 \
    CMD ["asterisk", "-C", "/lab/switch/etc/asterisk.conf", "-rx", "core waitfullybooted"]
