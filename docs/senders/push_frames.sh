#!/bin/sh
# Sends JPEG pictures to Fairwatch with curl:
#
#   CAMERA_KEY=fwc_… ./push_frames.sh http://cam.local:8000/api/v1/cameras/pier/frames picture.jpg …
#   CAMERA_KEY=fwc_… EVENT=spill ./push_frames.sh URL picture.jpg       (the picture is kept as an event's still)
#
# Prints what each was answered; ends with 1 when one was not taken. Needs nothing but curl.
set -eu

url=${1:?"write the address of the camera's frames, then the pictures"}
shift
key=${CAMERA_KEY:?"put the camera's key into the variable CAMERA_KEY"}
status=0

for picture in "$@"; do
    # The key goes in on stdin: as an argument everybody on this machine could read it.
    answer=$({
        printf 'header = "X-Camera-Auth: %s"\n' "$key"
        if [ -n "${EVENT:-}" ]; then printf 'header = "X-Event-Kind: %s"\n' "$EVENT"; fi
    } | curl --config - --silent --show-error --max-time 20 --retry 3 --retry-connrefused \
        --header "Content-Type: image/jpeg" --data-binary "@$picture" --write-out '\n%{http_code}' "$url") || answer="000"
    echo "$picture: $answer" | tr '\n' ' '
    echo
    case $answer in *202) ;; *) status=1 ;; esac
done
exit $status
