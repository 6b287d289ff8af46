"""pgAdmin as an application for gunicorn. Its folders are those of a server, whatever mode the settings choose later."""
import builtins

builtins.SERVER_MODE = True

from pgAdmin4 import app  # noqa: E402,F401
