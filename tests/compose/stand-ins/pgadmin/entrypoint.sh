#!/usr/bin/env bash
# What the entry point of dpage/pgadmin4 does with the settings that compose.yaml uses: PGADMIN_CONFIG_* become settings
# as Python wrote them; on the first launch it insists on an account, makes its database and loads servers.json.
set -euo pipefail

cd /pgadmin4
settings=/pgadmin4/config_distro.py
if [ ! -s "$settings" ]; then
    echo "LOG_FILE = '/dev/null'" >"$settings"
    for name in $(compgen -e PGADMIN_CONFIG_); do
        echo "${name#PGADMIN_CONFIG_} = ${!name}" >>"$settings"
    done
fi
if [ ! -f /var/lib/pgadmin/pgadmin4.db ]; then
    PGADMIN_SETUP_EMAIL=${PGADMIN_DEFAULT_EMAIL:?}
    PGADMIN_SETUP_PASSWORD=$(<"${PGADMIN_DEFAULT_PASSWORD_FILE:?}")
    export PGADMIN_SETUP_EMAIL PGADMIN_SETUP_PASSWORD
    (cd pgadmin/utils && /venv/bin/python3 -c "
import sys
from validation_utils import validate_email
settings = {'CHECK_EMAIL_DELIVERABILITY': False, 'ALLOW_SPECIAL_EMAIL_DOMAINS': [], 'GLOBALLY_DELIVERABLE': True}
sys.exit(not validate_email('$PGADMIN_SETUP_EMAIL', settings))")
    /venv/bin/python3 serve.py
    if [ -f servers.json ]; then
        if [ "${PGADMIN_CONFIG_SERVER_MODE-}" = False ]; then
            /venv/bin/python3 setup.py load-servers servers.json
        else
            /venv/bin/python3 setup.py load-servers servers.json --user "$PGADMIN_SETUP_EMAIL"
        fi
    fi
    unset PGADMIN_SETUP_EMAIL PGADMIN_SETUP_PASSWORD
fi
exec /venv/bin/gunicorn --bind "${PGADMIN_LISTEN_ADDRESS:-[::]}:${PGADMIN_LISTEN_PORT:-80}" --workers 1 --threads 25 \
    --timeout 86400 --access-logfile /dev/null serve:app
