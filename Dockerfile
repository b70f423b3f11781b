# The image: git-sync, git, ssh, what those two need, and the tools that hooks call. All that it has of Debian is named here.
#
#   docker build -t git-sync .                         # with bash, coreutils, curl, grep, sed, tar, gzip, find and awk
#   docker build -t git-sync --target minimal .        # with a shell that git needs, and no tools
#   docker build -t git-sync-lfs --target lfs .        # with git-lfs
#   docker build --platform linux/arm64 .              # for another architecture; make image PLATFORM=linux/arm64 without BuildKit
#
# Nothing of the target architecture is run, so no emulation is needed. Built twice of the same packages and sources, the
# layers are the same. BuildKit sets TARGETARCH and BUILDPLATFORM; without it "linux" means this machine's own architecture.
ARG DEBIAN=debian:bookworm-slim
ARG GOLANG=golang:1.26-bookworm
# The classic builder gives an image the architecture of its base, and scratch this machine's.
ARG BASE=scratch

FROM --platform=${BUILDPLATFORM:-linux} ${DEBIAN} AS debian
ARG TARGETARCH
LABEL git-sync.stage=build
COPY cmd/stage-image/stage-image.sh /
# A shell for git itself (docs/decisions/0005), gpg and ssh-keygen for --verify, libnss-wrapper for UIDs without a name, gconv
# for the encodings of gitattributes(5) that are in use, os-release for scanners. Only curl needs libssl, the others another
# library of its package. Times are set from the leaves to the root: fuse-overlayfs copies a file of an earlier step into its
# directory when the file's time is set, which changes that of the directory.
RUN /stage-image.sh /minimal "git openssh-client ca-certificates gpg dash libnss-wrapper base-files" \
      'usr/bin/(git|git-upload-pack|ssh|ssh-keygen|gpg)' 'usr/lib/git-core/git-remote-https?' 'bin/(da)?sh' \
      '(usr/)?lib/[^/]+/libnss_wrapper.so' 'usr/lib/[^/]+/gconv/(gconv-modules.*|UTF-.*|UNICODE.so|ISO8859-15?.so|CP1252.so)' \
      'etc/(os-release|debian_version)' 'usr/lib/os-release' 'usr/share/ca-certificates/mozilla/.*' && \
    cd /minimal && mkdir -p etc/ssl/certs git tmp && \
    sed -s '$a\' usr/share/ca-certificates/mozilla/* > etc/ssl/certs/ca-certificates.crt && rm -r usr/share/ca-certificates && \
    echo 'root:x:0:0:root:/tmp:/bin/false\ngit-sync:x:65533:65533::/tmp:/bin/false\nnobody:x:65534:65534::/tmp:/bin/false' > etc/passwd && \
    echo 'root:x:0:\ngit-sync:x:65533:\nnogroup:x:65534:' > etc/group && \
    echo 'passwd: files\ngroup: files\nhosts: files dns' > etc/nsswitch.conf && \
    mkdir /tools && cp --parents usr/lib/*/libssl.so.3 /tools && rm usr/lib/*/libssl.so.3 && \
    chmod 1777 tmp && chown 65533:65533 git && chmod 0775 git && find . -depth -exec touch -h -d @0 {} +
RUN /stage-image.sh /tools "bash coreutils curl findutils grep gzip mawk sed tar" '(usr/)?bin/[^/]+' && \
    ln -s mawk /tools/usr/bin/awk && find /tools -depth -exec touch -h -d @0 {} +
RUN /stage-image.sh /lfs git-lfs usr/bin/git-lfs && cd /lfs && find . -depth -exec touch -h -d @0 {} +

# The binary is the same whoever builds it and where.
FROM --platform=${BUILDPLATFORM:-linux} ${GOLANG} AS build
ARG TARGETARCH
ARG VERSION=unknown
LABEL git-sync.stage=build
ENV CGO_ENABLED=0 GOFLAGS=-buildvcs=false GOTOOLCHAIN=local GOARCH=${TARGETARCH}
WORKDIR /src
RUN go build -tags nethttpomithttp2 -trimpath net/http/pprof html/template
COPY go.mod go.sum ./
RUN go mod download
COPY cmd cmd
COPY pkg pkg
RUN mkdir /out && go build -tags nethttpomithttp2 -trimpath -ldflags "-s -w -buildid= -X main.version=$VERSION" -o /out/git-sync ./cmd/git-sync && \
    touch -d @0 /out/git-sync /out

FROM ${BASE} AS minimal
COPY --from=debian /minimal/ /
COPY --from=build /out/ /
ENV PATH=/usr/bin HOME=/tmp GITSYNC_ROOT=/git
USER 65533:65533
WORKDIR /tmp
ENTRYPOINT ["/git-sync"]
ARG VERSION=unknown
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="git-sync" \
      org.opencontainers.image.description="Keeps a directory equal to a ref of a remote git repository, published atomically" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.source="$SOURCE" \
      org.opencontainers.image.licenses="Apache-2.0"

FROM minimal AS full
COPY --from=debian /tools/ /

FROM full AS lfs
COPY --from=debian /lfs/ /

# The last stage is the one that is built by default.
FROM full
