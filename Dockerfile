# SPDX-License-Identifier: Apache-2.0
#
# Mosquitto with Beckon, from the packages that scripts/package makes:
#
#   docker build -t beckon .
#   docker run -p 1883:1883 -v beckon:/var/lib/mosquitto -v $PWD/conf.d:/etc/mosquitto/local beckon
#
# Like Mosquitto itself it hears nobody from outside, until a file *.conf in /etc/mosquitto/local says
# `listener 1883`, and who may connect (docs/at-home.md). It is healthy while Beckon answers the user
# BECKON_USER; where the broker wants a password, BECKON_PASSWORD_FILE names the file.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS packages
COPY . /src
WORKDIR /src
RUN scripts/package

FROM ${BASE}
RUN --mount=type=bind,from=packages,source=/src/build/packages,target=/packages \
    apt-get update \
    && apt-get install -y --no-install-recommends /packages/mosquitto-beckon_*.deb /packages/beckon_*.deb \
    && rm -rf /var/lib/apt/lists/* \
    && mkdir /etc/mosquitto/local \
    && printf '%s\n' 'persistence true' 'persistence_location /var/lib/mosquitto/' 'log_dest stderr' \
        'include_dir /etc/mosquitto/conf.d' 'include_dir /etc/mosquitto/local' >/etc/mosquitto/mosquitto.conf
ENV BECKON_SERVER=127.0.0.1 BECKON_USER=health
VOLUME /var/lib/mosquitto
EXPOSE 1883
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s CMD ["beckon", "status"]
CMD ["mosquitto", "-c", "/etc/mosquitto/mosquitto.conf"]
