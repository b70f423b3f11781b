#!/bin/bash
# stage-image.sh ROOT PACKAGES REGEXP...: unpacks into ROOT the files of Debian packages that match a REGEXP, and the shared
# libraries of all that they depend on. What an earlier call unpacked is not unpacked again, so that layers can be stacked.
# Nothing of the packages is run: they may be for an architecture that this machine does not have ($TARGETARCH).
#
# ROOT/var/lib/dpkg/status.d describes each package that has a file there; scanners look for it. All times are 1970, so the
# same packages make the same bytes.
set -euo pipefail
root=$1 packages=$2
shift 2
arch=${TARGETARCH:-$(dpkg --print-architecture)}
case $arch in
  arm) arch=armhf ;;
  386) arch=i386 ;;
  ppc64le) arch=ppc64el ;;
esac

apt() {
  apt-get -q -q -y --no-install-recommends -o APT::Architecture="$arch" -o APT::Architectures="$arch" -o APT::Sandbox::User=root \
    -o Dir::State::lists=/target/lists -o Dir::State::status=/target/status -o Dir::Cache=/target -o Acquire::Retries=3 "$@"
}

installed() { # installed CONTROL: apt takes a package for installed from now on
  { sed '/^$/d' "$1"; printf 'Status: install ok installed\n\n'; } >> /target/status
}

if [ ! -e /target/status ]; then
  mkdir -p /target/lists/partial /target/archives/partial
  # Dependencies of files that the image does not have.
  for name in adduser awk debconf debianutils dpkg libcrypt1 libedit2 liberror-perl libexpat1 libfido2-1 libgcc-s1 openssl passwd perl; do
    printf 'Package: %s\nVersion: 99:0\nArchitecture: %s\nMulti-Arch: foreign\n' "$name" "$arch" > /target/control
    installed /target/control
  done
  apt update
fi
# shellcheck disable=SC2086
apt --download-only install $packages

# /bin and /lib are links into /usr, as in every Debian since 12.
for dir in bin lib lib64; do
  mkdir -p "$root/usr/$dir"
  [ -L "$root/$dir" ] || ln -s "usr/$dir" "$root/$dir"
done
# Large libraries that nothing in the image needs, and programs of coreutils that no hook calls.
without=(
  'lib(mvec|brotlienc|nsl|history|tic)\.so.*'
  'b2sum|base32|basenc|chcon|cksum|csplit|dir|dircolors|factor|fmt|hostid|logname|numfmt|pathchk|pinky|pr|ptx|runcon'
  'sha224sum|sha384sum|shred|stdbuf|stty|sum|tsort|users|vdir|who'
)
any() { local IFS='|'; echo "($*)"; }
wanted="\./$(any "$@" '(usr/)?lib/[^/]+/[^/]+\.so\.[0-9.]+' 'lib(64)?/ld-linux[^/]*')"
unwanted="\./.*/$(any "${without[@]}")"
for deb in /target/archives/*.deb; do
  name=$(dpkg-deb -f "$deb" Package)
  rm -rf /target/files
  dpkg-deb -x "$deb" /target/files
  dpkg-deb -f "$deb" > /target/control
  installed /target/control
  rm "$deb"
  cd /target/files
  find . -regextype posix-extended ! -type d -regex "$wanted" ! -regex "$unwanted" -print0 > /target/list
  [ -s /target/list ] || continue
  find . -regextype posix-extended ! -type d -regex "\./usr/share/doc/$name(/copyright)?" -print0 >> /target/list
  tar -c --null -T /target/list | tar -x --keep-directory-symlink -C "$root"
  install -D -m 0644 /target/control "$root/var/lib/dpkg/status.d/$name"
done
