# Shared by Scripts/foley and Scripts/test: makes sure that what the build needs is there.
# Sourced, not run. Sets `root`, the repository's folder. Everything it prints goes to stderr.

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P) || exit 70
program=${0##*/}

say() { printf '%s\n' "$*" >&2; }

# fail STATUS MESSAGE...: exit codes as in sysexits.h, like the program's own (README).
fail() {
  status=$1
  shift
  say "$program: $*"
  exit "$status"
}

# The Swift toolchain: on the path, or where its installers put it.
find_swift() {
  command -v swift >/dev/null 2>&1 && return
  for folder in "$HOME/.local/share/swiftly/bin" "$HOME/.swiftly/bin" /opt/swift/usr/bin \
    /usr/local/swift/usr/bin /usr/share/swift/usr/bin; do
    if [ -x "$folder/swift" ]; then
      PATH=$folder:$PATH
      return
    fi
  done
  fail 69 "the Swift toolchain is missing. Install Swift 6.2 or newer" \
    "(https://www.swift.org/install/linux/), then run this command again."
}

# Tells the build which commit it is of, for `foley --version`.
tell_commit() {
  [ -n "${FOLEY_COMMIT-}" ] && return
  FOLEY_COMMIT=$(git -C "$root" rev-parse --short=12 HEAD 2>/dev/null) || return 0
  git -C "$root" diff --quiet HEAD 2>/dev/null || FOLEY_COMMIT=$FOLEY_COMMIT+changes
  export FOLEY_COMMIT
}

# The packages of libraries that the toolchain itself is linked with and that are not there.
missing_for_swift() {
  tools=$(dirname -- "$(readlink -f -- "$(command -v swift)")")
  for tool in swift-build swift-driver; do
    [ -x "$tools/$tool" ] && ldd "$tools/$tool" 2>/dev/null
  done | sed -n 's/^[[:space:]]*\([^ ]*\) => not found.*/\1/p' | sort -u | while read -r library; do
    case $library in
      libcurl.so.4) echo libcurl4 ;;
      libedit.so.2) echo libedit2 ;;
      libncurses.so.6) echo libncurses6 ;;
      libsqlite3.so.0) echo libsqlite3-0 ;;
      libtinfo.so.6) echo libtinfo6 ;;
      libxml2.so.2) echo libxml2 ;;
      libz.so.1) echo zlib1g ;;
      *) say "$program: Swift needs $library, whose package is not known here" ;;
    esac
  done
}

has_library() { pkg-config --exists "$1" 2>/dev/null; }

# The packages that are missing, by the names Debian and Ubuntu give them.
missing_packages() {
  missing_for_swift
  [ -e /usr/include/stdio.h ] && ls /usr/lib/gcc/*/*/libstdc++.so >/dev/null 2>&1 &&
    command -v ld >/dev/null 2>&1 || echo g++
  command -v pkg-config >/dev/null 2>&1 || echo pkg-config
  for library in libavformat libavcodec libswresample libswscale libavutil; do
    has_library "$library" || echo "$library-dev"
  done
  has_library sndfile || echo libsndfile1-dev
  has_library libebur128 || echo libebur128-dev
  has_library zlib || echo zlib1g-dev
  for tool in "$@"; do
    case $tool in
      numpy) python3 -c 'import numpy' 2>/dev/null || echo python3-numpy ;;
      *) command -v "$tool" >/dev/null 2>&1 || echo "$tool" ;;
    esac
  done
}

# install_missing [TOOL...]: installs what is missing when it may, else says what to install.
install_missing() {
  packages=$(missing_packages "$@" | sort -u | tr '\n' ' ')
  packages=${packages% }
  [ -z "$packages" ] && return
  command -v apt-get >/dev/null 2>&1 ||
    fail 69 "these packages (Debian's names) are missing, please install them: $packages"
  [ "$(id -u)" = 0 ] ||
    fail 69 "some packages are missing. Run this once, then try again:" \
      "sudo apt-get install -y $packages"
  say "$program: installing $packages"
  ls /var/lib/apt/lists/*Packages* >/dev/null 2>&1 || apt-get update >&2 ||
    fail 69 "apt-get update failed; see above"
  # shellcheck disable=SC2086 # a list of words
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $packages >&2 ||
    { # The lists may be older than the archive.
      apt-get update >&2 &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $packages >&2
    } || fail 69 "apt-get could not install: $packages"
}

# install_wanted TOOL:PACKAGE...: what tests do without, and say so, where it cannot be installed. No service of it is
# started.
install_wanted() {
  packages=
  for pair in "$@"; do
    PATH=$PATH:/usr/sbin command -v "${pair%:*}" >/dev/null 2>&1 || packages="$packages ${pair#*:}"
  done
  [ -n "$packages" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || return 0
  say "$program: installing$packages"
  # shellcheck disable=SC2086 # a list of words
  RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $packages >&2 ||
    say "$program: goes on without"
}

# up_to_date STAMP: nothing that is built from has changed since the stamp was made.
up_to_date() {
  [ -e "$1" ] &&
    [ -z "$(find "$root/Sources" "$root/Package.swift" "$root/Scripts/setup.sh" \
      -newer "$1" -print -quit 2>/dev/null)" ]
}
