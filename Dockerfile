# The image: git-sync, git, ssh, and what those two need; everything in it is named in build/rootfs/rootfs.go.
#
#   docker build -t git-sync .                              # the machine's own architecture
#   docker build -t git-sync-lfs --target lfs .             # with git-lfs
#   docker build --platform linux/arm64 --build-arg TARGETARCH=arm64 -t git-sync:arm64 .
#
# BuildKit and the classic builder both build it. Nothing of the target architecture is run while building, so no emulation
# is needed for another one. (BuildKit sets TARGETARCH and BUILDPLATFORM by itself; for the classic builder TARGETARCH is
# given, and "linux" means "whatever this machine is".)

# What Debian has, unpacked but never run.
FROM --platform=${BUILDPLATFORM:-linux} debian:bookworm-slim AS sysroot
ARG TARGETARCH
LABEL git-sync.stage=build
COPY build/sysroot.sh /
RUN /sysroot.sh "${TARGETARCH:-$(dpkg --print-architecture)}" /sysroot \
      git openssh-client ca-certificates gpg gpgv dash libnss-wrapper git-lfs

# The binary, the same bytes from the same sources whoever builds it and where; then the image's file system.
FROM --platform=${BUILDPLATFORM:-linux} golang:1.26-bookworm AS build
ARG TARGETARCH
ARG VERSION=unknown
ARG SOURCE_DATE_EPOCH=
LABEL git-sync.stage=build
ENV CGO_ENABLED=0 GOFLAGS=-buildvcs=false GOTOOLCHAIN=local
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
# What others wrote is compiled once, in a layer that a change of ours leaves alone.
RUN GOARCH=$TARGETARCH go build -trimpath net/http/pprof html/template go.uber.org/zap github.com/go-logr/zapr \
      github.com/prometheus/client_golang/prometheus/promhttp github.com/golang-jwt/jwt/v5 github.com/Masterminds/semver/v3
COPY build/rootfs build/rootfs
RUN go build -trimpath -o /usr/local/bin/rootfs ./build/rootfs
COPY cmd cmd
COPY pkg pkg
RUN GOARCH=$TARGETARCH go build -trimpath -ldflags "-s -w -buildid= -X main.version=$VERSION" -o /git-sync ./cmd/git-sync
COPY --from=sysroot /sysroot /sysroot
RUN rootfs -sysroot /sysroot -git-sync /git-sync -version "$VERSION" -epoch "$SOURCE_DATE_EPOCH" -out /rootfs && \
    rootfs -sysroot /sysroot -git-sync /git-sync -version "$VERSION" -epoch "$SOURCE_DATE_EPOCH" -out /rootfs-lfs -lfs -base /rootfs && \
    mkdir -p /writable/tmp /writable/git && chmod 1777 /writable/tmp && chmod 0775 /writable/git

FROM scratch AS image
COPY --from=build /rootfs/ /
# A root for those who mount none. Its group is the one that a UID without an account gets.
COPY --from=build --chown=65533:0 /writable/ /
ENV PATH=/usr/bin HOME=/tmp GITSYNC_ROOT=/git
USER 65533:65533
WORKDIR /
ENTRYPOINT ["/git-sync"]
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="git-sync" \
      org.opencontainers.image.description="Keeps a directory equal to a ref of a remote git repository, published atomically" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.documentation="README.md" \
      org.opencontainers.image.base.name="scratch"

FROM image AS lfs
COPY --from=build /rootfs-lfs/ /
LABEL org.opencontainers.image.title="git-sync-lfs"

# The last stage is the one that is built by default.
FROM image
