"""Takes secrets out of text: the last line of defence for logs, also those of other libraries."""

from __future__ import annotations

import re
from collections.abc import Mapping

MASK = "********"
MAX_CHARACTERS = 32_768
"""Of one text; what is longer is cut, so that masking stays cheap whatever a library logs."""

_SECRETS: tuple[tuple[re.Pattern[str], str], ...] = (
    # Whole tokens first: what they hold is matched by the later patterns as well.
    (
        re.compile(r"""(?i)(\b(?:proxy-)?authorization\b["']?\s*[:=]\s*["']?)[^\r\n"']+"""),
        rf"\g<1>{MASK}",
    ),
    (re.compile(r"""(?i)(\bSharedAccessSignature\s*=)[^;\r\n"']+"""), rf"\g<1>{MASK}"),
    (re.compile(r"""(?i)(\bSharedAccessSignature\s+)(?=\S*=)[^\s;"',]+"""), rf"\g<1>{MASK}"),
    (
        re.compile(r"""(?i)(\b(?:shared_?access_?key|account_?key)["']?\s*[:=]\s*["']?)[^;\s"',&]+"""),
        rf"\g<1>{MASK}",
    ),
    (re.compile(r"""(?i)(\bsig=)[^&\s;"']+"""), rf"\g<1>{MASK}"),
    (
        re.compile(r"""(?i)(\b(?:client_secret|password|passwd)["']?\s*[:=]\s*["']?)[^;\s"',&]+"""),
        rf"\g<1>{MASK}",
    ),
    (re.compile(r"(?i)(\bbearer\s+)[a-z0-9._~+/=-]{8,}"), rf"\g<1>{MASK}"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?"), MASK),
    (re.compile(r"(://[^/\s:@]*:)[^/\s@]+(?=@)"), rf"\g<1>{MASK}"),
)


def mask_text(text: str) -> str:
    """`text` with every secret that has a known form replaced, cut at `MAX_CHARACTERS`."""
    if len(text) > MAX_CHARACTERS:
        text = f"{text[:MAX_CHARACTERS]}... ({len(text) - MAX_CHARACTERS} more characters)"
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def mask(value: object) -> object:
    """`mask_text` on every text inside `value`; objects of other classes become their masked repr."""
    if isinstance(value, str):
        return mask_text(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {mask_text(str(key)): mask(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [mask(inner) for inner in value]
    return mask_text(repr(value))
