#!/usr/bin/env bash
# Stand-ins for the upstream images of docker-compose.yml, for a machine that can pull none: made of what the package
# registries give, under the upstream tags, so that the shipped files run as they are. For tests alone.
#
#   stand-ins.sh FOLDER TOOLCHAIN ENVOY JAVA_HOME KEYCLOAK
#
# FOLDER keeps the base system between runs; the others are what `harness::tools` has got: the Rust toolchain's folder,
# Envoy's program, a Java runtime and Keycloak's distribution. Needs root, debootstrap and a Docker engine. Grafana has no
# stand-in: nothing that the registries have is one.
set -euo pipefail

folder=$1 toolchain=$2 envoy=$3 java=$4 keycloak=$5
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
base=$folder/base
arch=$(uname -m)
mkdir -p "$folder"

# The tag that a shipped file names, so that there is one place for it.
tag() {
    grep -ohE "(image:|FROM) +([^ ]*/)?$1:[^ ]+" "$root/docker-compose.yml" "$root/envoy/Dockerfile" |
        sed -E 's/^(image:|FROM) +//' | sort -u | head -n 1
}

say() { printf '%s ...\n' "$*" >&2; }

# A root file system on standard input becomes the image. What was made is told on standard output.
import() {
    local image=$1
    shift
    local changes=()
    for change in "$@"; do changes+=(--change "$change"); done
    docker import "${changes[@]}" - "$image" >/dev/null
    printf '%s\n' "$image"
}

# A copy of the base system with these packages, as a folder.
system() {
    local to=$1
    shift
    rm -rf "$to"
    cp -a "$base" "$to"
    if [ $# -gt 0 ]; then
        cp /etc/resolv.conf "$to/etc/resolv.conf"
        chroot "$to" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$@" >"$to.log" 2>&1 ||
            { tail -n 20 "$to.log" >&2; exit 1; }
        chroot "$to" apt-get clean
    fi
}

if [ ! -e "$base/.complete" ]; then
    say "making the base system (Debian trixie)"
    rm -rf "$base"
    debootstrap --variant=minbase trixie "$base" >"$folder/debootstrap.log" 2>&1 ||
        { tail -n 20 "$folder/debootstrap.log" >&2; exit 1; }
    # the roots that this machine trusts: what is built inside reaches the registries as the machine does
    mkdir -p "$base/etc/ssl/certs"
    cp /etc/ssl/certs/ca-certificates.crt "$base/etc/ssl/certs/"
    chroot "$base" apt-get clean
    # nothing ever starts in it as if it had booted
    printf '#!/bin/sh\nexit 101\n' >"$base/usr/sbin/policy-rc.d"
    chmod +x "$base/usr/sbin/policy-rc.d"
    : >"$base/.complete"
fi

# What Envoy needs, a user, and nothing else: no shell, and not the library of GCC that a program of Rust's wants.
bare() {
    local to=$1
    rm -rf "$to"
    mkdir -p "$to"/{etc,tmp,home/nonroot,usr}
    (cd "$base" && find usr/lib/"$arch"-linux-gnu -maxdepth 1 \
        \( -name 'ld-linux*' -o -name 'lib[cm].so*' -o -name 'lib*nss_*' -o -name 'libresolv*' -o -name 'librt*' \
        -o -name 'libdl*' -o -name 'libpthread*' \) -print0 |
        tar --null --files-from=- --create lib lib64 usr/lib64 etc/ssl/certs/ca-certificates.crt) | tar -C "$to" --extract
    printf 'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n' >"$to/etc/passwd"
    printf 'root:x:0:\nnonroot:x:65532:\n' >"$to/etc/group"
    printf 'hosts: files dns\n' >"$to/etc/nsswitch.conf"
    chmod 1777 "$to/tmp"
}

# Compose and buildx, where the Docker client has none: those of the base system, as plugins of FOLDER/docker, which is
# the client's DOCKER_CONFIG then.
if ! docker compose version >/dev/null 2>&1; then
    say "getting docker compose"
    plugins=$folder/docker/cli-plugins
    mkdir -p "$plugins" "$base/plugins"
    cp /etc/resolv.conf "$base/etc/resolv.conf"
    chroot "$base" sh -c 'cd plugins && apt-get -o APT::Sandbox::User=root download docker-compose docker-buildx' >"$folder/plugins.log" 2>&1 ||
        { tail -n 20 "$folder/plugins.log" >&2; exit 1; }
    for package in "$base"/plugins/*.deb; do dpkg-deb --extract "$package" "$base/plugins"; done
    mv "$base"/plugins/usr/libexec/docker/cli-plugins/* "$plugins"
    rm -rf "$base/plugins"
fi

work=$folder/work
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"

# Says what to make, unless the engine has it.
missing() {
    [ -n "$1" ] || { echo "no shipped file names an image of $2" >&2; exit 1; }
    docker image inspect "$1" >/dev/null 2>&1 && return 1
    say "making $1"
}

image=$(tag envoy)
if missing "$image" Envoy; then
    bare "$work/envoy"
    install -D "$envoy" "$work/envoy/usr/local/bin/envoy"
    mkdir -p "$work/envoy/etc/envoy"
    tar -C "$work/envoy" --create . | import "$image" 'USER 65532' 'ENV PATH=/usr/local/bin:/usr/bin:/bin' \
        'ENTRYPOINT ["/usr/local/bin/envoy"]' 'CMD ["-c", "/etc/envoy/envoy.yaml"]' 'EXPOSE 10000'
fi

image=$(tag rust)
if missing "$image" Rust; then
    system "$work/rust" gcc libc6-dev
    # under the name by which RUSTUP_TOOLCHAIN asks for it
    name=$(sed -E 's/.*:([0-9.]+).*/\1/' <<<"$image")-$arch-unknown-linux-gnu
    mkdir -p "$work/rust/usr/local/rustup/toolchains" "$work/rust/usr/local/cargo/bin"
    cp -a "$toolchain" "$work/rust/usr/local/rustup/toolchains/$name"
    rm -rf "$work/rust/usr/local/rustup/toolchains/$name/share"
    rustup=$(command -v rustup)
    cp -L "$rustup" "$work/rust/usr/local/cargo/bin/rustup"
    for proxy in cargo rustc; do ln "$work/rust/usr/local/cargo/bin/rustup" "$work/rust/usr/local/cargo/bin/$proxy"; done
    printf 'default_toolchain = "%s"\nprofile = "minimal"\nversion = "12"\n' "$name" >"$work/rust/usr/local/rustup/settings.toml"
    tar -C "$work/rust" --create . | import "$image" 'ENV RUSTUP_HOME=/usr/local/rustup' 'ENV CARGO_HOME=/usr/local/cargo' \
        'ENV PATH=/usr/local/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
fi

image=$(tag postgres)
if missing "$image" PostgreSQL; then
    system "$work/postgres" postgresql-17
    rm -rf "$work/postgres/var/lib/postgresql" "$work/postgres/run/postgresql"
    mkdir -p "$work/postgres/var/lib/postgresql/data" "$work/postgres/run/postgresql"
    install -m 755 "$here/postgres-entrypoint.sh" "$work/postgres/usr/local/bin/docker-entrypoint.sh"
    tar -C "$work/postgres" --create . | import "$image" 'ENTRYPOINT ["docker-entrypoint.sh"]' 'CMD ["postgres"]' \
        'ENV PGDATA=/var/lib/postgresql/data' 'VOLUME /var/lib/postgresql/data' \
        'ENV PATH=/usr/local/bin:/usr/lib/postgresql/17/bin:/usr/sbin:/usr/bin:/sbin:/bin'
fi

image=$(tag keycloak)
if missing "$image" Keycloak; then
    system "$work/keycloak"
    mkdir -p "$work/keycloak/opt"
    cp -a "$keycloak" "$work/keycloak/opt/keycloak"
    rm -rf "$work/keycloak/opt/keycloak/data"
    mkdir "$work/keycloak/opt/keycloak/data"
    # Python unpacks without modes
    chmod +x "$work"/keycloak/opt/keycloak/bin/*.sh
    cp -a "$java" "$work/keycloak/opt/java"
    printf 'keycloak:x:1000:0:keycloak:/opt/keycloak:/sbin/nologin\n' >>"$work/keycloak/etc/passwd"
    chroot "$work/keycloak" chown -R 1000:0 /opt/keycloak
    tar -C "$work/keycloak" --create . | import "$image" 'USER 1000' 'ENV KC_RUN_IN_CONTAINER=true' 'ENV JAVA_HOME=/opt/java' 'ENV LANG=C.UTF-8' \
        'ENTRYPOINT ["/opt/keycloak/bin/kc.sh"]' 'ENV PATH=/usr/bin:/bin'
fi

image=$(tag prometheus)
if missing "$image" Prometheus; then
    system "$work/prometheus" prometheus
    mkdir -p "$work/prometheus/prometheus" "$work/prometheus/etc/prometheus"
    chroot "$work/prometheus" chown -R nobody /prometheus
    tar -C "$work/prometheus" --create . | import "$image" 'USER nobody' 'WORKDIR /prometheus' \
        'ENTRYPOINT ["/bin/prometheus"]' 'ENV PATH=/usr/bin:/bin'
fi
