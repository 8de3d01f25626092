"""A conversation with the server side of the protocol, without sockets: what is answered to what."""

from __future__ import annotations

import pytest
from amqp_peer import Peer, Recorder
from hypothesis import given
from hypothesis import strategies as st

from stream_detector.localhub.amqp.connection import CLOSE_TIMEOUT, IDLE_TIMEOUT, OPEN_TIMEOUT, Connection
from stream_detector.localhub.amqp.encoder import encode
from stream_detector.localhub.amqp.fields import from_bytes, to_bytes
from stream_detector.localhub.amqp.frames import AMQP_HEADER, SASL_HEADER, encode_frame
from stream_detector.localhub.amqp.link import LINK_CREDIT, MAX_MESSAGE_SIZE, OutgoingLink
from stream_detector.localhub.amqp.performatives import (
    RECEIVER,
    SENDER,
    Accepted,
    Attach,
    Begin,
    Close,
    Detach,
    Disposition,
    End,
    Flow,
    Open,
    SaslInit,
    SaslMechanisms,
    SaslOutcome,
    Source,
    Target,
    Transfer,
)
from stream_detector.localhub.amqp.session import INCOMING_WINDOW
from stream_detector.localhub.amqp.types import Described, ULong


def flow(credit: int, *, seen: int = 1, window: int = 100, **fields: object) -> Flow:
    return Flow(
        next_incoming_id=seen,
        incoming_window=window,
        next_outgoing_id=0,
        outgoing_window=100,
        handle=3,
        link_credit=credit,
        **fields,  # type: ignore[arg-type]
    )


def ready(link: OutgoingLink) -> bool:
    return link.ready


def close_error(answers: list[object]) -> str:
    closes = [answer for answer in answers if isinstance(answer, Close)]
    assert len(closes) == 1
    assert closes[0].error is not None
    return closes[0].error.condition


def test_every_field_of_a_performative_is_written_nulls_included() -> None:
    raw = to_bytes(Flow(incoming_window=1, next_outgoing_id=2, outgoing_window=3))
    assert raw[:3] == b"\x00\x53\x13"
    assert raw[5] == 11
    assert from_bytes(raw)[0] == Flow(incoming_window=1, next_outgoing_id=2, outgoing_window=3)


def test_performatives_with_trailing_fields_left_out_and_symbolic_descriptors_are_read() -> None:
    short = b"\x00" + encode(ULong(0x10)) + encode(["me"])
    assert from_bytes(short)[0] == Open("me")
    symbolic = encode(Described("amqp:open:list", ["me", None, None]))
    assert from_bytes(symbolic)[0] == Open("me")


def test_the_handshake_follows_the_order_of_the_specification() -> None:
    peer = Peer()
    peer.send(SASL_HEADER)
    header, mechanisms = peer.answers()
    assert header == SASL_HEADER
    assert isinstance(mechanisms, SaslMechanisms)
    assert {"MSSBCBS", "ANONYMOUS", "PLAIN", "EXTERNAL"} == set(mechanisms.sasl_server_mechanisms)
    peer.send(encode_frame(to_bytes(SaslInit("MSSBCBS")), frame_type=1))
    assert peer.answers() == [SaslOutcome(0)]
    peer.send(AMQP_HEADER)
    assert peer.answers() == [AMQP_HEADER]
    peer.perform(Open("peer", max_frame_size=1000))
    [opened] = peer.answers()
    assert isinstance(opened, Open)
    assert (opened.max_frame_size, opened.channel_max) == (65_536, 4_999)
    peer.perform(Close())
    assert peer.answers() == [Close()]
    assert peer.connection.finished


@pytest.mark.parametrize(
    ("mechanism", "response", "code", "identity"),
    [
        ("PLAIN", b"\0name\0key", 0, "name"),
        ("PLAIN", b"\0name\0wrong", 1, None),
        ("PLAIN", b"\0other\0key", 1, None),
        ("EXTERNAL", b"", 0, None),
        ("GSSAPI", None, 1, None),
    ],
)
def test_sasl_lets_in_who_may_come_in(
    mechanism: str, response: bytes | None, code: int, identity: str | None
) -> None:
    peer = Peer()
    assert peer.login(mechanism, response)[-1] == SaslOutcome(code)
    assert peer.connection.identity == identity
    assert peer.connection.finished == (code == 1)


def test_a_password_is_not_shown_by_the_frame_that_carries_it() -> None:
    assert "key" not in repr(SaslInit("PLAIN", b"\0name\0key"))


def test_everything_may_be_sent_in_one_piece() -> None:
    peer = Peer()
    peer.send(
        SASL_HEADER
        + encode_frame(to_bytes(SaslInit("ANONYMOUS")), frame_type=1)
        + AMQP_HEADER
        + encode_frame(to_bytes(Open("peer")))
        + encode_frame(to_bytes(Begin(next_outgoing_id=0, incoming_window=9, outgoing_window=9)), 7)
    )
    kinds = [type(answer).__name__ for answer in peer.answers()]
    assert kinds == ["bytes", "SaslMechanisms", "SaslOutcome", "bytes", "Open", "Begin"]


@pytest.mark.parametrize(
    "raw",
    [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01", AMQP_HEADER, b"AMQP\x02\x01\x00\x00"],
)
def test_a_stream_that_does_not_begin_with_sasl_is_answered_with_the_right_header_and_closed(
    raw: bytes,
) -> None:
    peer = Peer()
    peer.send(raw)
    assert peer.answers() == [SASL_HEADER]
    assert peer.connection.finished


MISTAKES = {
    "a frame larger than allowed": (b"\x00\x02\x00\x00\x02\x00\x00\x00", "amqp:connection:framing-error"),
    "a frame smaller than its header": (b"\x00\x00\x00\x04\x02\x00\x00\x00", "amqp:connection:framing-error"),
    "a SASL frame after SASL": (encode_frame(to_bytes(Close()), 0, 1), "amqp:connection:framing-error"),
    "a body that is no value": (encode_frame(b"\xff\xff"), "amqp:decode-error"),
    "a value that is no performative": (encode_frame(b"\x41"), "amqp:decode-error"),
    "an unknown performative": (encode_frame(b"\x00\x53\x99\x45"), "amqp:decode-error"),
    "a truncated performative": (encode_frame(to_bytes(Close())[:-1]), "amqp:decode-error"),
    "a performative without its fields": (encode_frame(b"\x00\x53\x11\x45"), "amqp:invalid-field"),
    "a performative with too many fields": (
        encode_frame(b"\x00\x53\x17\xc0\x03\x02\x40\x40"),
        "amqp:decode-error",
    ),
    "a field of another type": (encode_frame(b"\x00\x53\x18\xc0\x02\x01\x41"), "amqp:decode-error"),
    "a second open": (encode_frame(to_bytes(Open("again"))), "amqp:not-allowed"),
    "a channel without session": (encode_frame(to_bytes(Detach(1)), 9), "amqp:not-allowed"),
    "an end without session": (encode_frame(to_bytes(End()), 9), "amqp:not-allowed"),
    "a channel above the limit": (
        encode_frame(to_bytes(Begin(next_outgoing_id=0, incoming_window=1, outgoing_window=1)), 5000),
        "amqp:connection:framing-error",
    ),
}


@pytest.mark.parametrize(("raw", "condition"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_closes_the_connection_with_the_reason(raw: bytes, condition: str) -> None:
    peer = Peer()
    peer.open()
    peer.send(raw)
    assert close_error(peer.answers()) == condition
    # The peer has time to read it, then the socket goes; whatever it still sends is not looked at.
    peer.send(b"\xff" * 1000)
    assert peer.answers() == []
    assert not peer.connection.finished
    peer.now = CLOSE_TIMEOUT
    peer.connection.tick(peer.now)
    assert peer.connection.finished


def test_a_frame_before_open_is_refused() -> None:
    peer = Peer()
    peer.login()
    peer.send(AMQP_HEADER)
    peer.perform(Begin(next_outgoing_id=0, incoming_window=1, outgoing_window=1))
    assert close_error(peer.answers()) == "amqp:illegal-state"


SESSION_MISTAKES = {
    "an unknown handle": (
        Flow(incoming_window=1, next_outgoing_id=0, outgoing_window=1, handle=8),
        "unattached-handle",
    ),
    "a transfer on an unknown handle": (Transfer(8, 0, b"t"), "unattached-handle"),
    "a handle that is taken": (Attach("other", 3, RECEIVER), "handle-in-use"),
    "a handle above the limit": (Attach("other", 256, RECEIVER), "amqp:not-allowed"),
    "a transfer on a receiving link": (Transfer(3, 0, b"t"), "amqp:not-allowed"),
}


@pytest.mark.parametrize(
    ("performative", "condition"), SESSION_MISTAKES.values(), ids=SESSION_MISTAKES.keys()
)
def test_a_mistake_within_a_session_ends_the_session_only(performative: object, condition: str) -> None:
    peer = Peer()
    peer.receiver()
    peer.perform(performative)
    [end] = peer.only(End)
    assert end.error is not None
    assert condition in end.error.condition
    assert peer.service.detached == peer.service.links
    peer.perform(performative)  # the peer has not seen our end yet
    assert peer.answers() == []
    peer.perform(End())
    peer.perform(Begin(next_outgoing_id=0, incoming_window=1, outgoing_window=1))
    assert len(peer.only(Begin)) == 1


def test_silence_is_answered_with_a_close_and_heartbeats_are_sent_as_the_peer_wants_them() -> None:
    peer = Peer()
    peer.open(idle_timeout=10_000)
    peer.now = 4.9
    peer.connection.tick(peer.now)
    assert peer.answers() == []
    peer.now = 5.0
    peer.connection.tick(peer.now)
    assert peer.answers() == [None]
    peer.now = 100.0
    peer.send(b"\x00\x00\x00\x08\x02\x00\x00\x00")
    assert peer.answers() == []
    peer.now = 100.0 + IDLE_TIMEOUT - 0.1
    peer.connection.tick(peer.now)
    assert peer.answers() == [None]
    peer.now += 0.1
    peer.connection.tick(peer.now)
    assert close_error(peer.answers()) == "amqp:connection:forced"


def test_a_peer_that_does_not_open_is_given_up() -> None:
    connection = Connection(Recorder(), 0.0)
    connection.tick(OPEN_TIMEOUT - 0.1)
    assert not connection.finished
    connection.tick(OPEN_TIMEOUT)
    assert connection.finished


def test_a_link_is_answered_with_its_own_name_and_termini_and_credit() -> None:
    peer = Peer()
    peer.begin()
    sent = Attach("s", 4, SENDER, source=Source("x"), target=Target("y"), initial_delivery_count=5)
    peer.perform(sent)
    attach, granted = peer.answers()
    assert isinstance(attach, Attach)
    assert (attach.name, attach.role, attach.max_message_size) == ("s", RECEIVER, MAX_MESSAGE_SIZE)
    assert isinstance(attach.target, Described)
    assert isinstance(granted, Flow)
    assert (granted.link_credit, granted.delivery_count, granted.handle) == (LINK_CREDIT, 5, 4)


def test_deliveries_wait_for_credit_and_use_it_up() -> None:
    peer = Peer()
    link = peer.receiver()
    assert not ready(link)
    peer.perform(flow(2))
    for number in range(2):
        assert ready(link)
        link.deliver(b"m%d" % number)
    assert not ready(link)
    transfers = peer.only(Transfer)
    assert [(t.handle, t.delivery_id, t.more, t.settled) for t in transfers] == [
        (3, 0, False, True),
        (3, 1, False, True),
    ]
    assert len({t.delivery_tag for t in transfers}) == 2
    assert peer.payloads == [b"m0", b"m1"]
    peer.perform(flow(1, seen=3, delivery_count=1))  # one of the two is not counted yet: no credit is left
    assert not ready(link)
    peer.perform(flow(1, seen=3, delivery_count=2))
    assert ready(link)


def test_unused_credit_is_given_back_when_the_peer_drains() -> None:
    peer = Peer()
    link = peer.receiver()
    peer.perform(flow(10, drain=True))
    link.deliver(b"last")
    link.finish_drain()
    _, drained = peer.answers()
    assert isinstance(drained, Flow)
    assert (drained.link_credit, drained.delivery_count, drained.drain) == (0, 10, True)
    assert not ready(link)


def test_an_echo_is_answered_for_links_and_for_sessions() -> None:
    peer = Peer()
    peer.receiver()
    peer.perform(flow(7, echo=True))
    [echoed] = peer.only(Flow)
    assert (echoed.handle, echoed.link_credit) == (3, 7)
    peer.perform(Flow(incoming_window=1, next_outgoing_id=0, outgoing_window=1, echo=True))
    [echoed] = peer.only(Flow)
    assert echoed.handle is None


@pytest.mark.parametrize("max_frame_size", [512, 1000, 65_536])
def test_a_large_message_is_cut_into_frames_that_the_peer_can_take(max_frame_size: int) -> None:
    peer = Peer()
    link = peer.receiver(max_frame_size=max_frame_size, window=5000)
    peer.perform(flow(1, window=5000))
    message = bytes(n % 253 for n in range(200_000))
    link.deliver(message)
    raw = b"".join(peer.connection.take_output(0.0))
    sizes, position = [], 0
    while position < len(raw):
        sizes.append(int.from_bytes(raw[position : position + 4], "big"))
        position += sizes[-1]
    assert max(sizes) == max_frame_size
    peer._parser.feed(raw)
    transfers = peer.only(Transfer)
    assert [t.more for t in transfers] == [True] * (len(sizes) - 1) + [False]
    assert b"".join(peer.payloads) == message


def test_frames_wait_for_the_window_of_the_session_and_nothing_overtakes_them() -> None:
    peer = Peer()
    link = peer.receiver(max_frame_size=512, window=2)
    peer.perform(flow(5, window=2))
    link.deliver(b"x" * 1800)
    assert not ready(link)
    assert len(peer.only(Transfer)) == 2
    peer.perform(flow(5, seen=3, window=1))
    assert len(peer.only(Transfer)) == 1
    assert not ready(link)
    peer.perform(flow(5, seen=4, window=10))
    assert len(peer.only(Transfer)) == 1
    assert ready(link)
    assert b"".join(peer.payloads) == b"x" * 1800


def test_a_message_in_many_frames_is_put_together_and_accepted_once() -> None:
    peer = Peer()
    peer.sender()
    for part in (b"a", b"b"):
        peer.perform(Transfer(4, 0, b"t", message_format=0x8001_3700, more=True), part)
    assert peer.answers() == []
    peer.perform(Transfer(4, more=False), b"c")
    [disposition] = peer.only(Disposition)
    assert (disposition.first, disposition.settled, disposition.role) == (0, True, RECEIVER)
    assert isinstance(disposition.state, Described)
    assert disposition.state.descriptor == 0x24
    assert peer.service.messages == [(b"abc", 0x8001_3700)]


def test_an_aborted_message_is_forgotten() -> None:
    peer = Peer()
    peer.sender()
    peer.perform(Transfer(4, 0, b"t", more=True), b"half")
    peer.perform(Transfer(4, 0, b"t", aborted=True))
    peer.perform(Transfer(4, 1, b"u"), b"whole")
    assert peer.service.messages == [(b"whole", 0)]


def test_a_settled_message_is_not_answered() -> None:
    peer = Peer()
    peer.sender()
    peer.perform(Transfer(4, 0, b"t", settled=True), b"m")
    assert peer.answers() == []
    assert peer.service.messages == [(b"m", 0)]


def test_a_message_that_grows_too_large_detaches_its_link_and_is_not_kept() -> None:
    peer = Peer()
    link = peer.sender()
    part = b"x" * 60_000
    for number in range(18):
        peer.perform(Transfer(4, 0, b"t", more=True), part)
        assert number < 17 or not link.attached
    [detach] = peer.only(Detach)
    assert detach.closed
    assert detach.error is not None
    assert detach.error.condition == "amqp:link:message-size-exceeded"
    peer.perform(Transfer(4, 0, b"t"), part)  # under way when we detached
    assert peer.answers() == []
    peer.perform(Detach(4, closed=True))
    assert peer.service.messages == []
    peer.perform(Attach("s2", 4, SENDER, initial_delivery_count=0))
    assert len(peer.only(Attach)) == 1


def test_credit_and_window_are_granted_again_in_time_for_an_endless_sender() -> None:
    peer = Peer()
    peer.sender()
    credit, window = LINK_CREDIT, INCOMING_WINDOW
    for number in range(3 * INCOMING_WINDOW):
        peer.perform(Transfer(4, number, b"t", settled=True), b"m")
        credit, window = credit - 1, window - 1
        for answer in peer.only(Flow):
            window = answer.incoming_window
            if answer.handle == 4:
                credit = answer.link_credit or 0
        assert credit > 0
        assert window > 0
    assert len(peer.service.messages) == 3 * INCOMING_WINDOW


def test_a_sender_without_credit_is_detached() -> None:
    peer = Peer()
    link = peer.sender()
    link.credit = 0
    peer.perform(Transfer(4, 0, b"t"), b"m")
    [detach] = peer.only(Detach)
    assert detach.error is not None
    assert detach.error.condition == "amqp:link:transfer-limit-exceeded"


def test_a_disposition_of_an_unsettled_delivery_is_settled_by_us() -> None:
    peer = Peer()
    peer.begin()
    peer.perform(Attach("r", 3, RECEIVER, snd_settle_mode=0, source=Source("x"), target=Target("y")))
    peer.perform(flow(1))
    link = peer.service.links[-1]
    link.deliver(b"m")  # type: ignore[union-attr]
    [transfer] = peer.only(Transfer)
    assert transfer.settled is False
    peer.perform(Disposition(RECEIVER, 0, 0, settled=False, state=Accepted()))
    [settled] = peer.only(Disposition)
    assert (settled.role, settled.first, settled.last, settled.settled) == (SENDER, 0, 0, True)
    peer.perform(Disposition(RECEIVER, 0, 0, settled=True, state=Accepted()))
    assert peer.answers() == []


def test_detach_end_and_close_are_answered_in_kind_and_let_the_links_go() -> None:
    peer = Peer()
    link = peer.receiver()
    peer.perform(Detach(3, closed=True))
    assert peer.answers() == [Detach(3, closed=True)]
    assert peer.service.detached == [link]
    peer.perform(Attach("again", 3, RECEIVER, source=Source("x"), target=Target("y")))
    peer.perform(End())
    assert [type(answer).__name__ for answer in peer.answers()] == ["Attach", "End"]
    assert len(peer.service.detached) == 2
    peer.perform(Close())
    assert peer.answers() == [Close()]


pieces = st.one_of(
    st.binary(max_size=60),
    st.binary(max_size=60).map(encode_frame),
    st.sampled_from(
        [
            encode_frame(to_bytes(performative), channel)
            for channel in (0, 1)
            for performative in (
                Open("x"),
                Begin(next_outgoing_id=0, incoming_window=1, outgoing_window=1),
                Attach("a", 0, SENDER, initial_delivery_count=0),
                Attach("b", 1, RECEIVER),
                Transfer(0, 0, b"t"),
                Transfer(1, 0, b"t", more=True),
                Flow(
                    incoming_window=1, next_outgoing_id=0, outgoing_window=1, handle=1, link_credit=2**32 - 1
                ),
                Disposition(SENDER, 0),
                Detach(0),
                End(),
                Close(),
            )
        ]
    ),
)


@given(st.lists(pieces, max_size=12), st.booleans())
def test_no_sequence_of_bytes_makes_the_server_fail(sequence: list[bytes], opened: bool) -> None:
    peer = Peer()
    if opened:
        peer.begin()
    for raw in sequence:
        peer.send(raw)
    peer.answers()
    peer.now = IDLE_TIMEOUT + CLOSE_TIMEOUT
    peer.connection.tick(IDLE_TIMEOUT)
    peer.connection.tick(IDLE_TIMEOUT + CLOSE_TIMEOUT)
    assert peer.connection.finished or not peer.connection.opened
