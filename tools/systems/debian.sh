# Small systems of other releases of Debian, each in a folder of its own. The scripts next to this file read it. The
# folders are kept in target/matrix: remove one to have its release made anew. The mirror is apt's own.

TARGET=${CARGO_TARGET_DIR:-target}

say() { printf '%s: %s\n' "${0##*/}" "$*"; }
stop() {
    printf "${0##*/}: %s\\n" "$@" >&2
    exit 1
}

# need_systems: ends where no system can be made.
need_systems() {
    [ "$(id -u)" -eq 0 ] || stop 'only root can make the folder of a system and enter it; try: sudo make'
    command -v debootstrap >/dev/null || stop 'debootstrap is missing: make installs it, or apt-get install debootstrap'
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'ShortDesc: Packages' 'Label: Debian' | head -n 1)
    [ -n "$mirror" ] || stop 'apt knows no mirror of Debian: see /etc/apt, and run apt-get update'
}

# make_system RELEASE: a small system with chrony, systemd, and every Python that the release has.
make_system() {
    system=$TARGET/matrix/$1
    [ ! -e "$system/made" ] || return 0
    say "making $system from $mirror"
    rm -rf "$system"
    mkdir -p "$TARGET/matrix"
    debootstrap --variant=minbase --include=chrony,python3,iproute2,systemd "$1" "$system" "$mirror" >"$system.log" 2>&1 ||
        stop "debootstrap failed; see $system.log"
    # A mirror that is a copy of a past day is as good.
    inside "$system" sh -euc '
        apt() { DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Check-Valid-Until=false "$@"; }
        apt update
        apt install -y --no-install-recommends $(apt-cache pkgnames python3. | grep -x "python3\.[0-9]*")
    ' >>"$system.log" 2>&1 || stop "apt-get failed in $system; see $system.log"
    touch "$system/made"
}

# inside SYSTEM COMMAND…: runs it there, with nothing of this environment and with mounts that end with it.
inside() {
    unshare --mount --propagation private sh -euc '
        # A root that is no mount could have no namespaces of mounts within, which some tests make.
        mount --bind "$1" "$1"
        mount -t proc proc "$1/proc"
        mount --rbind /dev "$1/dev"
        mount --rbind /sys "$1/sys"
        exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 chroot "$@"
    ' sh "$@"
}
