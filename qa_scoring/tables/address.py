"""Addresses of PostgreSQL databases as text: to recognise one, and to show it without its password.

Needs no driver: the command line shows and stores what was typed, whatever the store.
"""

from __future__ import annotations

import re

# Greedy up to the last @: a password typed without its %40 is hidden whole. A Path collapses //.
_USER_PASSWORD = re.compile(r"(postgres(?:ql)?:/{1,2}[^:@/?]*):.*@", re.DOTALL)
_PASSWORD_OPTION = re.compile(r"([?&](?:ssl)?password=)[^&\s]*")


def is_postgres(target: object) -> bool:
    """Whether the target names a PostgreSQL database."""
    return str(target).startswith(("postgresql://", "postgres://"))


def masked(text: str) -> str:
    """The text with the password of a PostgreSQL address in it as ``***``."""
    return _PASSWORD_OPTION.sub(r"\1***", _USER_PASSWORD.sub(r"\1:***@", text))
