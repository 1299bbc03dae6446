#!/bin/sh
# Installs what is missing, from Debian's own packages, and starts no system service.
#
# usage: tests/packages.sh demo    what `make demo` needs
#        tests/packages.sh test    what `make test` needs: more clients, more tools
set -eu

packages='python3 python3-aiosmtpd'
# An existing broker needs no broker of ours.
[ "$1" = demo ] && [ -n "${ALDEBARAN_AMQP_URL:-}" ] || packages="$packages rabbitmq-server"
[ "$1" = demo ] || packages="$packages amqp-tools python3-pika debootstrap openssl ca-certificates
    postgresql-15"
command -v cc >/dev/null || packages="$packages gcc libc6-dev"

missing=
for package in $packages; do
    state=$(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "This is no Debian. Please install yourself what these packages hold:$missing." >&2
    echo 'For the demo, a RabbitMQ 3.10 or newer that runs elsewhere will do as well:' >&2
    echo 'set ALDEBARAN_AMQP_URL=amqp://USER:PASSWORD@HOST:PORT/VHOST.' >&2
    exit 1
fi
if [ "$(id -u)" != 0 ]; then
    echo "Missing packages, and only root may install them:$missing." >&2
    echo "Please run: sudo apt-get install --no-install-recommends$missing" >&2
    exit 1
fi

# Debian starts a service when it installs it; this file says no, as long as it is there.
no=/usr/sbin/policy-rc.d
if [ ! -e "$no" ]; then
    trap 'rm -f "$no"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$no"
    chmod 755 "$no"
fi

echo "Installing$missing" >&2
export DEBIAN_FRONTEND=noninteractive
{
    apt-get update
    # shellcheck disable=SC2086 # one word a package
    apt-get install --yes --no-install-recommends $missing
} </dev/null >&2

# We only want the programs: the next boot shall not start a service that nobody asked for.
for service in rabbitmq-server postgresql; do
    case $missing in
    *"$service"*) update-rc.d "$service" disable >&2 ;;
    esac
done
