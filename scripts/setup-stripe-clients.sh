#!/usr/bin/env bash
# Installs into the cache two clients of the payment API that are not ours, in a Python of their own: `stripe`, which the
# provider's customers use, and `localstripe`, another stand-in. The tests compare our two sides of the payment seam with
# them. scripts/stripe-clients/requirements.txt holds the digests of everything that is installed.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname -- "$0")/lib.sh"

folder=$cache/stripe-clients
list=scripts/stripe-clients/requirements.txt
wanted=$(sha256sum "$list")
# A Python that was removed or replaced takes what was installed for it along.
[[ -f $folder/versions && $(<"$folder/versions") == "$wanted" ]] &&
  "$folder/bin/python" -c 'import localstripe, stripe' 2>/dev/null && exit 0

have python3 && python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install "Python" python3 python3-venv
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
  die "Python 3.10 or later is needed, this is $(python3 --version): install it from https://www.python.org"
say "Installing stripe and localstripe"
rm -rf -- "$folder"
python3 -m venv "$folder" || die "Python could not make an environment: 'python3 -m venv' must work"
install=("$folder/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps)
# localstripe comes as source, and is built with a setuptools that we have seen.
{
  sed -n '/^setuptools==/,/^[^ ]/{/^setuptools==\|^ /p}' "$list" >"$folder/build.txt" &&
    "${install[@]}" -r "$folder/build.txt" &&
    "${install[@]}" --no-build-isolation -r "$list"
} >&2 || die "stripe and localstripe could not be installed: 'pip install' must reach a registry"
printf '%s\n' "$wanted" >"$folder/versions"
