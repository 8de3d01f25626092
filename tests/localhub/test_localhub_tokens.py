"""Shared access signatures, signed here by hand: what they open, and every way in which they do not."""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_detector.localhub.tokens import AccessKey, TokenError, entity_path

KEY = AccessKey("root", "a2V5IG9mIHRoZSB0ZXN0cw==")
NOW = 1_750_000_000.0


def token(
    resource: str = "sb://host/hub", expiry: object = int(NOW) + 60, key: str = KEY.key, name: str = "root"
) -> str:
    quoted = quote_plus(resource)
    digest = hmac.new(key.encode(), f"{quoted}\n{expiry}".encode(), hashlib.sha256).digest()
    signature = quote_plus(base64.b64encode(digest))
    return f"SharedAccessSignature sr={quoted}&sig={signature}&se={expiry}&skn={name}"


def test_a_token_opens_its_resource_and_what_lies_below_until_it_expires() -> None:
    grant = KEY.check(token(), "sb://host/hub", NOW)
    assert grant.covers(entity_path("HUB/ConsumerGroups/$Default/Partitions/0"), NOW + 59)
    assert not grant.covers(entity_path("hub"), NOW + 60)
    assert not grant.covers(entity_path("hub2"), NOW)
    assert not grant.covers((), NOW)


def test_a_token_of_the_namespace_can_be_put_for_a_hub_but_opens_only_that() -> None:
    grant = KEY.check(token("sb://host/"), "sb://host/hub", NOW)
    assert grant.covers(("hub",), NOW)
    assert not grant.covers(("other",), NOW)


def test_the_order_and_the_case_of_the_quoting_do_not_matter() -> None:
    quoted = "sb%3a%2f%2fhost%2fhub"
    expiry = int(NOW) + 60
    digest = hmac.new(KEY.key.encode(), f"{quoted}\n{expiry}".encode(), hashlib.sha256).digest()
    signature = quote_plus(base64.b64encode(digest))
    text = f"SharedAccessSignature skn=root&se={expiry}&sig={signature}&sr={quoted}"
    assert KEY.check(text, "amqps://localhost:5671/Hub/consumergroups/x", NOW).path[0] == "hub"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (token(key="b3RoZXI="), "InvalidSignature"),
        (token(name="other"), "InvalidSignature"),
        (token().replace("se=1", "se=2"), "InvalidSignature"),
        (token().replace("hub", "bub"), "InvalidSignature"),
        (token(expiry=int(NOW)), "ExpiredToken"),
        (token(expiry=-5), "MalformedToken"),
        (token(expiry="soon"), "MalformedToken"),
        (token("sb://host/other"), "InvalidAudience"),
        (token("sb://host/hub/deeper"), "InvalidAudience"),
        (token() + "&se=99999999999", "MalformedToken"),
        (token().replace("&skn=root", ""), "MalformedToken"),
        (token().replace("sig=", "sig=%"), "MalformedToken"),
        (token().removeprefix("SharedAccessSignature "), "MalformedToken"),
        ("", "MalformedToken"),
        ("eyJhbGciOi.eyJhdWQ.c2ln", "MalformedToken"),
    ],
)
def test_a_token_that_is_not_right_in_every_way_opens_nothing(text: str, reason: str) -> None:
    with pytest.raises(TokenError, match=reason) as refused:
        KEY.check(text, "sb://host/hub", NOW)
    assert KEY.key not in str(refused.value)


@given(st.text(max_size=100), st.booleans())
def test_random_tokens_raise_nothing_but_a_token_error(text: str, prefixed: bool) -> None:
    with pytest.raises(TokenError):
        KEY.check(("SharedAccessSignature " if prefixed else "") + text, "hub", NOW)


def test_the_key_is_not_shown() -> None:
    assert KEY.key not in repr(KEY)
    assert KEY.matches("root", KEY.key)
    assert not KEY.matches("root", KEY.key + "x")
    assert not KEY.matches("toor", KEY.key)
