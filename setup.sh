#!/bin/sh
# Makes the virtual environment for `make demo` and `make test`: setup.sh PYTHON VENV.
# System packages are installed where we may (root, or sudo without a password); else it says exactly which are missing.
set -eu

python=$1
venv=$2
# libgl1, libglib2.0-0, libegl1, libgles2: mediapipe and OpenCV; libportaudio2: microphones; pulseaudio and its ALSA
# plug-in: the test of the microphone; espeak-ng: the voice of the demo.
wanted="libgl1 libglib2.0-0 libegl1 libgles2 libportaudio2 espeak-ng pulseaudio libasound2-plugins"

if ! "$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; then
    echo "liveguard needs Python 3.10, 3.11 or 3.12 here (mediapipe 0.10.21); '$python' is not one." >&2
    echo "Install one, then run: make PYTHON=python3.11 ..." >&2
    exit 1
fi

missing=""
if command -v dpkg-query >/dev/null; then
    for package in $wanted; do
        # Newer releases renamed libglib2.0-0; a virtual package of the old name is provided there.
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "ok installed" ||
            dpkg-query -W -f='${Status}' "${package}t64" 2>/dev/null | grep -q "ok installed" ||
            missing="$missing $package"
    done
fi
"$python" -m venv --help >/dev/null 2>&1 && "$python" -c 'import ensurepip' 2>/dev/null || missing="$missing python3-venv"

if [ -n "$missing" ]; then
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
        DEBIAN_FRONTEND=noninteractive $run apt-get install -y -qq --no-install-recommends $missing >/dev/null ||
            echo "could not install all of them; go on without:$missing" >&2
    else
        echo "These system packages are missing; what needs them will be skipped or will say so. Install them with:" >&2
        echo "  sudo apt-get install$missing" >&2
    fi
fi

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check "hatchling>=1.24" "editables>=0.5"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -e ".[dev]"
