# The program and its shared libraries on a small Debian. Runs as an unprivileged user, with a read-only root file system
# if wanted; what it writes lies below /data and /checkpoints.
#
#   docker build -t dropfold .
#   docker run --rm -v "$PWD/data:/data" -v dropfold-checkpoints:/checkpoints dropfold run --once
ARG BASE=debian:12.15-slim

FROM ${BASE} AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends cmake gcc libc6-dev libcjson-dev libcsv-dev libpcre2-dev libpq-dev \
        libsqlite3-dev libssl-dev libuv1-dev libxxhash-dev libzstd-dev ninja-build pkg-config \
        zlib1g-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY CMakeLists.txt CMakePresets.json ./
COPY src src
RUN cmake --preset release -DDROPFOLD_TESTS=OFF -DDROPFOLD_WERROR=OFF -DCMAKE_INSTALL_PREFIX=/usr \
 && cmake --build --preset release
COPY README.md LICENSE CHANGELOG.md ./
COPY schemas schemas
RUN DESTDIR=/installed cmake --install build --strip

FROM ${BASE}
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates libcjson1 libcsv3 libpcre2-8-0 libpq5 libsqlite3-0 libssl3 \
        libuv1 libzstd1 tzdata zlib1g \
 && rm -rf /var/lib/apt/lists/* \
 && install -d -o 1000 -g 1000 /data /checkpoints
COPY --from=build /installed /
ENV DROPFOLD_PIPELINE=/usr/share/dropfold/schemas/ecommerce.json \
    DROPFOLD_DATA=/data \
    DROPFOLD_CHECKPOINTS=/checkpoints
LABEL org.opencontainers.image.title="dropfold" \
      org.opencontainers.image.description="Folds dropped CSV and JSON files into windowed aggregates, exactly once" \
      org.opencontainers.image.licenses="MIT"
USER 1000:1000
STOPSIGNAL SIGTERM
# A start answers once it has read all of its store, which may take minutes; whoever answers earlier is healthy at once.
HEALTHCHECK --interval=5s --timeout=5s --start-period=10m --retries=3 CMD ["dropfold", "status", "--healthy"]
ENTRYPOINT ["dropfold"]
CMD ["run"]
