"""Variables that a platform injects into a job, and that nobody has set: they are no settings, and no mistakes.

Kubernetes adds some for each Service of a namespace, Docker for each linked container. Both make them from names that
a team has chosen: a Service called `iquest-model` gives IQUEST_MODEL_SERVICE_HOST.

Sources: https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables and
https://docs.docker.com/engine/network/links/#environment-variables.
"""

import re
from collections.abc import Mapping

# A number may follow the name, as of the first container of a Compose service: IQUEST_MODEL_1_PORT_8000_TCP.
_BY_NAME = re.compile(
    r"\w+?_(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?"
    r"|PORT_(?:\d{1,5}_)?(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR|START|END|PORT_START|PORT_END))?"
    r"|PORT_(?:START|END)|ENV_\w+)",
    re.ASCII,
)
_PORT_NAME = re.compile(r"\w+_PORT", re.ASCII)
_PORT_VALUE = re.compile(r"(?:tcp|udp|sctp)://", re.IGNORECASE)
_LINK_NAME = re.compile(r"(\w+)_NAME", re.ASCII)
_LINK_VALUE = re.compile(r"/([\w.-]+)/([\w.-]+)", re.ASCII)  # /this_container/alias


def is_injected(name: str, environ: Mapping[str, str]) -> bool:
    """Return whether a platform has injected a variable, as its name and value tell.

    People might choose a name that ends in _PORT or _NAME, too. Then the value decides.
    """
    if _BY_NAME.fullmatch(name):
        return True
    value = environ.get(name, "").strip()
    if _PORT_NAME.fullmatch(name):
        return _PORT_VALUE.match(value) is not None
    link = _LINK_NAME.fullmatch(name)
    return link is not None and _is_link(link[1], value, environ)


def _is_link(alias: str, value: str, environ: Mapping[str, str]) -> bool:
    """Return whether a value of NAME is Docker's: `/container/alias`, where a variable of the same link confirms it.

    MODEL_NAME is a setting, and what a link with the alias `model` is called by. A model may have a path for a name,
    such as /models/model.
    """
    path = _LINK_VALUE.fullmatch(value)
    if path is None or re.sub(r"\W", "_", path[2]).upper() != alias.upper():
        return False
    return path[1].startswith("runner-") or any(
        other.startswith((f"{alias}_PORT", f"{alias}_ENV_")) and is_injected(other, environ) for other in environ
    )
