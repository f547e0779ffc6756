#!/bin/sh
# Makes the virtual environment for `make demo` and `make test`: setup.sh PYTHON VENV, then setup.sh PYTHON VENV tests.
# System packages are installed where we may (root, or sudo without a password); else it says exactly which are missing.
set -eu

python=$1
venv=$2

has() {
    # Newer releases renamed libglib2.0-0; a virtual package of the old name is provided there.
    dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q "ok installed" ||
        dpkg-query -W -f='${Status}' "${1}t64" 2>/dev/null | grep -q "ok installed"
}

# Installs those of the packages that are missing, and never at the cost of one that is there.
need() {
    missing=""
    for package in "$@"; do
        has "$package" || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" = 0 ]; then
        run=""
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        run="sudo -n"
    else
        run="no"
    fi
    if [ "$run" != no ] && command -v apt-get >/dev/null; then
        echo "installing system packages:$missing"
        $run apt-get update -qq || true
        DEBIAN_FRONTEND=noninteractive $run apt-get install -y -qq --no-install-recommends --no-remove $missing >/dev/null ||
            echo "could not install all of them; go on without:$missing" >&2
    else
        echo "These system packages are missing; what needs them will be skipped or will say so. Install them with:" >&2
        echo "  sudo apt-get install$missing" >&2
    fi
}

# What only tests want: a browser, and WebRTC of other hands. Whatever cannot be had makes its tests skip.
if [ "${3:-}" = tests ]; then
    if command -v dpkg-query >/dev/null; then
        # On Ubuntu, "chromium" is a door to a snap, which tests cannot steer.
        grep -q '^ID=ubuntu' /etc/os-release 2>/dev/null || need chromium
        need gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-nice python3-gi \
            gir1.2-gst-plugins-bad-1.0
        # The microphone's test runs a PulseAudio of its own; a desktop's sound server is left as it is.
        if ! has pipewire-pulse && ! has pulseaudio; then
            need pulseaudio libasound2-plugins
        fi
    fi
    if command -v npm >/dev/null; then
        npm ci --silent --no-audit --no-fund --prefix tests/interop ||
            echo "the npm packages of tests/interop cannot be had; their tests will skip" >&2
    else
        echo "npm is not installed: the tests with WHIP clients from npm will skip" >&2
    fi
    exit 0
fi

if ! "$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; then
    echo "liveguard needs Python 3.10, 3.11 or 3.12 here (mediapipe 0.10.21); '$python' is not one." >&2
    echo "Install one, then run: make PYTHON=python3.11 ..." >&2
    exit 1
fi

# libgl1, libglib2.0-0, libegl1, libgles2: mediapipe and OpenCV; libportaudio2: microphones; espeak-ng: the demo's voice.
if command -v dpkg-query >/dev/null; then
    need libgl1 libglib2.0-0 libegl1 libgles2 libportaudio2 espeak-ng
fi
"$python" -c 'import ensurepip, venv' 2>/dev/null || need python3-venv

# One that was left half made, or whose Python has gone, is made again.
if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    if [ -f "$venv/pyvenv.cfg" ]; then clear=--clear; else clear=""; fi  # never empty a folder that is something else
    "$python" -m venv $clear "$venv"
fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check "hatchling>=1.24" "editables>=0.5"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -e ".[dev]"
