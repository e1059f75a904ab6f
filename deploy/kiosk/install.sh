#!/bin/sh
# Makes this Raspberry Pi (Raspberry Pi OS Lite, Debian 12 or newer) a screen of a Fairwatch house.
#   sudo deploy/kiosk/install.sh https://home.local:8000/kiosk/ [ca.crt]
# ca.crt: the house's authority, from http://home.local:8000/tls/ca.crt, where it runs with TLS=local.
set -eu
url=${1:-}
ca=${2:-}
here=$(dirname "$(readlink -f "$0")")
home=/var/lib/fairwatch-kiosk
case "$url" in
  http://*/kiosk/ | https://*/kiosk/) ;;
  *) echo "usage: sudo $0 https://HOUSE:PORT/kiosk/ [ca.crt]" >&2; exit 2 ;;
esac
[ "$(id -u)" = 0 ] || { echo "run this with sudo" >&2; exit 2; }

apt-get update
apt-get install -y --no-install-recommends cage curl wlr-randr libnss3-tools ca-certificates \
  fonts-noto-core fonts-noto-color-emoji speech-dispatcher speech-dispatcher-espeak-ng pipewire-audio
apt-get install -y --no-install-recommends chromium || apt-get install -y --no-install-recommends chromium-browser

id fairwatch-kiosk >/dev/null 2>&1 ||
  useradd --system --create-home --home-dir "$home" --shell /usr/sbin/nologin fairwatch-kiosk
usermod -aG video,audio,render,input fairwatch-kiosk

if [ -n "$ca" ]; then
  install -D -m 644 "$ca" /usr/local/share/ca-certificates/fairwatch.crt
  update-ca-certificates
  runuser -u fairwatch-kiosk -- mkdir -p "$home/.pki/nssdb"
  runuser -u fairwatch-kiosk -- certutil -d "sql:$home/.pki/nssdb" -N --empty-password 2>/dev/null || true
  runuser -u fairwatch-kiosk -- certutil -d "sql:$home/.pki/nssdb" -A -t C,, -n fairwatch \
    -i /usr/local/share/ca-certificates/fairwatch.crt
fi

install -D -m 755 "$here/fairwatch-kiosk" /usr/local/bin/fairwatch-kiosk
install -D -m 644 "$here/fairwatch-kiosk.service" /etc/systemd/system/fairwatch-kiosk.service
[ -e /etc/fairwatch/kiosk.env ] || install -D -m 644 "$here/kiosk.env.example" /etc/fairwatch/kiosk.env
sed -i "s|^KIOSK_URL=.*|KIOSK_URL=$url|" /etc/fairwatch/kiosk.env

house=${url#*://}
house=${house%%/*}
for folder in /etc/chromium /etc/chromium-browser; do
  mkdir -p "$folder/policies/managed"
  sed "s|@HOUSE@|$house|" "$here/policies.json" >"$folder/policies/managed/fairwatch-kiosk.json"
done

systemctl daemon-reload
systemctl enable --now fairwatch-kiosk.service
echo "The screen shows a code now. An owner types it under People, Screens of the house."
