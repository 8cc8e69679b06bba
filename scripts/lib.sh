# What scripts/demo and scripts/test share. To be sourced by bash, with `set -euo pipefail`.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
started=$SECONDS

# Debian packages: what it takes to build Sure with its tests, and what checking it takes besides.
build_packages=(
  gcc g++ libc6-dev cmake ninja-build pkg-config
  libnng-dev libprotobuf-c-dev protobuf-c-compiler protobuf-compiler libprotobuf-dev libprotoc-dev
  libsqlite3-dev libxxhash-dev libcmocka-dev libjansson-dev
)
bench_packages=(
  libgrpc++-dev protobuf-compiler-grpc libcapnp-dev capnproto
  libthrift-c-glib-dev libglib2.0-dev thrift-compiler jq valgrind
)
check_packages=(clang clang-format clang-tidy iproute2 libclang-rt-14-dev llvm-14)

say() {
  printf '[%3d s] %s\n' $((SECONDS - started)) "$*"
}

die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

is_installed() {
  [[ $(dpkg-query -W -f='${Status}' "$1" 2>/dev/null) == 'install ok installed' ]]
}

missing_of() {
  local package
  for package in "$@"; do
    is_installed "$package" || printf '%s\n' "$package"
  done
}

# How to become root, as words in front of a command: nothing for root itself.
become_root=()
can_install() {
  command -v apt-get >/dev/null || return 1
  if ((EUID != 0)); then
    sudo -n true 2>/dev/null || return 1
    become_root=(sudo -n)
  fi
}

apt_get() {
  "${become_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq -o Dpkg::Use-Pty=0 "$@" </dev/null
}

# install PACKAGE...: install those that are missing, or say which they are.
install() {
  local missing
  command -v dpkg-query >/dev/null ||
    { say "not a Debian system: taking for granted what these packages hold: $*"; return; }
  mapfile -t missing < <(missing_of "$@")
  ((${#missing[@]} > 0)) || return 0
  can_install || die "please install these Debian packages first: ${missing[*]}"
  say "installing: ${missing[*]}"
  apt_get update || die 'apt-get update failed'
  apt_get install -y --no-install-recommends "${missing[@]}" >/dev/null ||
    die "apt-get could not install: ${missing[*]}"
}

# build PRESET [TARGET...]: configure if that was never done, then build what has changed.
build() {
  local preset=$1 target targets=()
  shift
  for target in "$@"; do
    targets+=(--target "$target")
  done
  if [[ ! -f $root/build/$preset/build.ninja ]]; then
    say "configuring preset $preset"
    (cd "$root" && cmake --preset "$preset" --log-level=WARNING) || die "can't configure $preset"
  fi
  say "building preset $preset"
  (cd "$root" && cmake --build --preset "$preset" "${targets[@]}") || die "can't build $preset"
}
