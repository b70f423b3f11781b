#!/bin/sh
# sysroot.sh ARCH DIR PACKAGE...: unpacks Debian packages and all that they depend on into DIR, without running anything of
# theirs, so that it works for an architecture that this machine cannot run. For each package DIR/packages/NAME/ has its
# control file and the list of what is in it. Run as root on Debian; what apt of the machine itself knows is not touched.
set -eu
arch=${1:?ARCH} sysroot=${2:?DIR}
shift 2
case $arch in
  arm) arch=armhf ;;
  386) arch=i386 ;;
  ppc64le) arch=ppc64el ;;
esac

apt=$(mktemp -d)
trap 'rm -rf "$apt"' EXIT
mkdir -p "$apt/lists/partial" "$apt/archives/partial"
: > "$apt/status"
own="-o Dir::State::lists=$apt/lists -o Dir::State::status=$apt/status -o Dir::Cache=$apt -o Debug::NoLocking=1
  -o APT::Architecture=$arch -o APT::Architectures=$arch -o APT::Sandbox::User=root -o Acquire::Retries=3"
# shellcheck disable=SC2086
apt-get $own -q -q update
# shellcheck disable=SC2086
apt-get $own -q -q -y --no-install-recommends --download-only install "$@"

# /bin and /lib are links into /usr, as on every Debian since 12.
for dir in bin sbin lib lib64; do
  mkdir -p "$sysroot/usr/$dir"
  ln -s "usr/$dir" "$sysroot/$dir"
done
for deb in "$apt"/archives/*.deb; do
  name=$(dpkg-deb -f "$deb" Package)
  case $name in *perl*) continue ;; esac # git depends on it for commands that are not wanted here
  mkdir -p "$sysroot/packages/$name"
  dpkg-deb -f "$deb" > "$sysroot/packages/$name/control"
  dpkg-deb --fsys-tarfile "$deb" > "$apt/fs.tar"
  tar -t --quoting-style=literal -f "$apt/fs.tar" > "$sysroot/packages/$name/list"
  tar -x --keep-directory-symlink --exclude='./usr/share/man' --exclude='./usr/share/locale' -f "$apt/fs.tar" -C "$sysroot"
done
