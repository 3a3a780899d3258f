"""A session as JSON, to be kept or sent to another machine."""

from __future__ import annotations

import msgspec

from benchbench.errors import StoreError
from benchbench.run.encoding import to_json
from benchbench.run.plan import SESSION_SCHEMA, Session


class _Version(msgspec.Struct):
    schema: int


def session_to_json(session: Session) -> bytes:
    """Return the session as JSON; `session_from_json` returns an equal one."""
    return to_json(session)


def session_from_json(data: bytes, *, source: str) -> Session:
    """Return the session that the JSON describes. `source` names it in messages.

    Raises StoreError for what is no session, or for one of another version, and UsageError for a
    model or a protocol that cannot be built.
    """
    try:
        version = msgspec.json.decode(data, type=_Version).schema
        if version == SESSION_SCHEMA:
            return msgspec.json.decode(data, type=Session)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StoreError(f"{source} is no session: {error}") from None
    other = "the newer one" if version > SESSION_SCHEMA else "the older one"
    raise StoreError(
        f"{source} is a session of version {version}, but this benchbench reads version "
        f"{SESSION_SCHEMA}: run it with {other} that wrote it, or plan it anew"
    )
