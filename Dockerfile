# Holdpoint's programs. compose.yaml shows how they are started.
FROM debian:bookworm-slim AS build
WORKDIR /src
COPY script/bootstrap script/
RUN script/bootstrap --build
COPY . .
RUN script/build release

FROM debian:bookworm-slim
RUN apt-get update && \
    apt-get install -y --no-install-recommends \
        ca-certificates curl libcurl4 libjansson4 libmicrohttpd12 librdkafka1 libsqlite3-0 libssl3 && \
    rm -rf /var/lib/apt/lists/* && \
    useradd --system --home-dir /var/lib/holdpoint --create-home holdpoint
COPY --from=build /src/build/bin/holdpoint-* /usr/local/bin/
USER holdpoint
WORKDIR /var/lib/holdpoint
CMD ["holdpoint-producer", "--help"]
