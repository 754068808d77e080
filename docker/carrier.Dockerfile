# The carrier: a second Asterisk 22 that plays a telephone network. Its configuration comes from the volume at /lab.
FROM debian:forky-slim

# For a mirror that is a snapshot: --build-arg APT_OPTIONS="-o Acquire::Check-Valid-Until=false" (signatures are still verified).
ARG APT_OPTIONS=""
RUN apt-get $APT_OPTIONS update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends asterisk asterisk-core-sounds-en-wav \
    && rm -rf /var/lib/apt/lists/*

# The same user in all three images: what one writes into a shared volume, the others can read.
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin outdial \
    && mkdir -p /lab && chown outdial: /lab

USER outdial
ENV TZ=UTC LC_ALL=C
ENTRYPOINT ["asterisk"]
CMD ["-f", "-n", "-C", "/lab/carrier/etc/asterisk.conf"]
HEALTHCHECK --interval=2s --timeout=5s --retries=30 \
    CMD ["asterisk", "-C", "/lab/carrier/etc/asterisk.conf", "-rx", "core waitfullybooted"]
