# Functions for small systems of other Debian releases, which the scripts next to this file source. Each system is a
# folder in target/matrix. Remove the folder to create the system again. The mirror is the one that apt uses.

TARGET=${CARGO_TARGET_DIR:-target}

say() { printf '%s: %s\n' "${0##*/}" "$*"; }
stop() {
    printf "${0##*/}: %s\\n" "$@" >&2
    exit 1
}

# need_systems: exit if systems cannot be created here, and set the mirror otherwise.
need_systems() {
    [ "$(id -u)" -eq 0 ] || stop 'only root can create a system and enter it; try: sudo make'
    command -v debootstrap >/dev/null || stop 'debootstrap is missing: run apt-get install debootstrap, or use make'
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'ShortDesc: Packages' 'Label: Debian' | head -n 1)
    [ -n "$mirror" ] || stop 'apt does not know a Debian mirror: see /etc/apt, and run apt-get update'
}

# make_system RELEASE: create a small system with chrony, systemd, and every Python of the release.
make_system() {
    system=$TARGET/matrix/$1
    [ ! -e "$system/made" ] || return 0
    say "creating $system from $mirror"
    rm -rf "$system"
    mkdir -p "$TARGET/matrix"
    debootstrap --variant=minbase --include=chrony,python3,iproute2,systemd "$1" "$system" "$mirror" >"$system.log" 2>&1 ||
        stop "debootstrap failed; see $system.log"
    # The mirror may be a snapshot of a past day.
    inside "$system" sh -euc '
        apt() { DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Check-Valid-Until=false "$@"; }
        apt update
        apt install -y --no-install-recommends $(apt-cache pkgnames python3. | grep -x "python3\.[0-9]*")
    ' >>"$system.log" 2>&1 || stop "apt-get failed in $system; see $system.log"
    touch "$system/made"
}

# inside SYSTEM COMMAND…: run a command there, with a clean environment and with mounts that end with it.
inside() {
    unshare --mount --propagation private sh -euc '
        # Some tests create mount namespaces, for which the root has to be a mount point.
        mount --bind "$1" "$1"
        mount -t proc proc "$1/proc"
        mount --rbind /dev "$1/dev"
        mount --rbind /sys "$1/sys"
        exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 chroot "$@"
    ' sh "$@"
}
