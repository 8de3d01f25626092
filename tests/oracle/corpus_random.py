"""Random expressions of every type, and random rules, over the columns of corpus_files.PREFIX.

Sound by their types, and without what the engine is known to compute in another way (test_kusto_values).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

from corpus_files import PREFIX

_TEXTS = ('"ann"', '"ANN@contoso.com"', '"@"', '"a"', '""', '"vm"', '"/"', '"contoso.com"', '"10."', '" "')
_AT_SIGN, _SLASH = '"@"', '"/"'
_WORDS = ('"ann"', '"contoso.com"', '"svc"', '"vm"', '"a"', '"Microsoft.Compute"', '"x"')
_WHOLE = ("0", "1", "2", "3", "-1", "7", "100")
_REALS = ("0.5", "1.5", "-2.25", "3.0")
_SPANS = ("0s", "1m", "5m", "1h", "90s", "1d")
_TIMES = ("datetime(2026-03-12T11:30:00Z)", "datetime(2026-03-12)", "datetime(2026-03-12T11:45:30.5Z)")
_PATTERNS = ('"^a"', '"[0-9]+"', '"n+@"', '"(?i)ANN"', '"a|b"', '"m$"')
_TRIMMED = ('"[0-9]+"', '"n+"', '"(an)+"')
_GROUPED = ('"^([^@]+)@"', '"@(.*)$"', '"([0-9]+)"', '"(a|n)+"')
_TEXT_OPERATORS = tuple(
    f"{negation}{word}{case}"
    for word in ("has", "contains", "startswith", "endswith")
    for negation in ("", "!")
    for case in ("", "_cs")
)
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")


_KEYS = (
    "Caller",
    "Level",
    "T",
    "N",
    "B",
    "Flag",
    "Whole % 3",
    "bin(TimeGenerated, 20m)",
    "tolower(ResourceGroup)",
)
_AGGREGATES = (
    ("count()", True),
    ("countif(B)", True),
    ("countif(Whole > 1)", True),
    ("dcount(T)", True),
    ("dcount(Whole)", True),
    ("dcountif(Caller, B)", True),
    ("sum(N)", True),
    ("sum(Whole)", True),
    ("sumif(Whole, B)", True),
    ("min(N)", True),
    ("max(Whole)", True),
    ("max(Ratio)", False),
    ("min(TimeGenerated)", False),
    ("max(TimeGenerated)", False),
    ("max(Span)", False),
    ("make_set(T)", False),
    ("make_set(Whole)", False),
    ("make_set_if(Caller, B)", False),
    ("make_list(CorrelationId)", False),
)
"""Each with whether it gives a whole number."""


class Expressions:
    """A source of random expressions; equal seeds give equal ones."""

    def __init__(self, seed: int) -> None:
        self._pick = random.Random(seed)
        self._makers: Mapping[str, Sequence[Callable[[int], str]]] = {
            "bool": (self._compared, self._compared, self._tested, self._listed, self._joined, self._probed),
            "string": (self._text, self._cut, self._text_of, self._chosen("string"), self._replaced),
            "long": (self._sum, self._size, self._chosen("long"), self._read_number, self._bin),
            "real": (self._real_sum, self._chosen("real"), self._read_real),
            "datetime": (self._moved, self._chosen("datetime"), self._time_bin),
            "timespan": (self._span_sum, self._chosen("timespan")),
            "dynamic": (self._member, self._parts, self._packed),
        }

    def of(self, kind: str, depth: int) -> str:
        """An expression of type `kind`, nested up to `depth` times."""
        if depth <= 0:
            return self._leaf(kind)
        return self._pick.choice(self._makers[kind])(depth - 1)

    def any(self, depth: int) -> tuple[str, str]:
        """A type and an expression of it."""
        kind = self._pick.choice(tuple(self._makers))
        return kind, self.of(kind, depth)

    def rule(self) -> str:
        """A whole rule: conditions and computed columns, aggregates by one or two keys, a threshold."""
        pick = self._pick
        lines = [PREFIX.rstrip("\n")]
        if pick.random() < 0.8:
            lines.append(f"| where {self.of('bool', 2)} or {self.of('bool', 1)}")
        lines.append(
            f"| extend T = {self.of('string', 2)}, N = {self.of('long', 2)}, B = {self.of('bool', 2)}"
        )
        keys = pick.sample(_KEYS, k=pick.choice((1, 1, 2)))
        chosen = pick.sample(_AGGREGATES, k=pick.choice((2, 3, 4)))
        aggregates = [f"A{number} = {aggregate}" for number, (aggregate, _) in enumerate(chosen)]
        named = [f"K{number} = {key}" for number, key in enumerate(keys)]
        lines.append(f"| summarize {', '.join(aggregates)} by {', '.join(named)}")
        numbers = [f"A{number}" for number, (_, is_number) in enumerate(chosen) if is_number]
        if numbers and pick.random() < 0.7:
            lines.append(f"| extend E = {numbers[0]} * 2 - {numbers[-1]}")
            bound = f"{numbers[0]} {self._one('>', '>=', '!=', '<')} {self._one(*_WHOLE)}"
            lines.append(
                f"| where {bound} {self._one('and', 'or')} E {self._one('>', '<=')} {self._one(*_WHOLE)}"
            )
        return "\n".join(lines) + "\n"

    def _one(self, *of: str) -> str:
        return self._pick.choice(of)

    def _leaf(self, kind: str) -> str:
        match kind:
            case "bool":
                return self._one("Flag", "true", "false", "bool(null)", "isnotempty(Caller)")
            case "string":
                return self._one("Caller", "ResourceId", "CallerIpAddress", "ResourceGroup", "Level", *_TEXTS)
            case "long":
                return self._one("Whole", "Whole", "Small", "long(null)", *_WHOLE)
            case "real":
                return self._one("Ratio", "Ratio", *_REALS)
            case "datetime":
                return self._one("TimeGenerated", "TimeGenerated", *_TIMES)
            case "timespan":
                return self._one("Span", "Span", *_SPANS)
            case _:
                return self._one("Bag.list", "Bag.model", "Bag.inner", "Bag.whole", "Bag.absent")

    def _compared(self, depth: int) -> str:
        kind = self._one("long", "real", "datetime", "timespan", "string", "bool")
        operators = _COMPARISONS if kind not in ("string", "bool") else _COMPARISONS[:2]
        return f"({self.of(kind, depth)} {self._one(*operators)} {self.of(kind, depth)})"

    def _tested(self, depth: int) -> str:
        text = self.of("string", depth)
        if self._pick.random() < 0.2:
            return f"({text} matches regex {self._one(*_PATTERNS)})"
        if self._pick.random() < 0.2:
            return f"({text} {self._one('=~', '!~')} {self.of('string', 0)})"
        return f"({text} {self._one(*_TEXT_OPERATORS)} {self._one(*_WORDS)})"

    def _listed(self, depth: int) -> str:
        kind = self._one("string", "long", "words", "between")
        if kind == "between":
            low, high = sorted(self._pick.choices(_WHOLE, k=2), key=int)
            return f"({self.of('long', depth)} {self._one('between', '!between')} ({low} .. {high}))"
        if kind == "words":
            words = ", ".join(self._pick.choices(_WORDS, k=2))
            return f"({self.of('string', depth)} {self._one('has_any', 'has_all')} ({words}))"
        items = ", ".join(self._pick.choices(_TEXTS if kind == "string" else _WHOLE, k=3))
        operator = self._one("in", "!in", "in~", "!in~") if kind == "string" else self._one("in", "!in")
        return f"({self.of(kind, depth)} {operator} ({items}))"

    def _joined(self, depth: int) -> str:
        if self._pick.random() < 0.3:
            return f"not({self.of('bool', depth)})"
        return f"({self.of('bool', depth)} {self._one('and', 'or')} {self.of('bool', depth)})"

    def _probed(self, depth: int) -> str:
        kind = self._one("string", "long", "real", "datetime", "bool")
        function = self._one("isnull", "isnotnull", "isempty", "isnotempty")
        if self._pick.random() < 0.2:
            return f"ipv4_is_in_range(CallerIpAddress, {self._one(*_NETWORKS)})"
        return f"{function}({self.of(kind, depth)})"

    def _text(self, depth: int) -> str:
        one, other = self.of("string", depth), self.of("string", depth)
        return self._one(
            f"tolower({one})", f"toupper({one})", f"strcat({one}, {other})", f"coalesce({one}, {other})"
        )

    def _cut(self, depth: int) -> str:
        text = self.of("string", depth)
        start, length = self._pick.randrange(6), self._pick.randrange(6)
        return self._one(
            f"substring({text}, {start})",
            f"substring({text}, {start}, {length})",
            f"extract({self._one(*_GROUPED)}, {self._one('0', '1')}, {text})",
            f"tostring(split({text}, {self._one(_AT_SIGN, _SLASH)})[{start}])",
            f"trim({self._one(*_TRIMMED)}, {text})",
        )

    def _replaced(self, depth: int) -> str:
        text = self.of("string", depth)
        return f"replace_string({text}, {self._one(*_WORDS)}, {self._one(*_TEXTS)})"

    def _text_of(self, depth: int) -> str:
        kind = self._one("long", "bool", "dynamic")
        return f"tostring({self.of(kind, depth if kind != 'dynamic' else 0)})"

    def _chosen(self, kind: str) -> Callable[[int], str]:
        def made(depth: int) -> str:
            one, two, three = (self.of(kind, depth) for _ in range(3))
            first, second = self.of("bool", depth), self.of("bool", depth)
            return self._one(f"iff({first}, {one}, {two})", f"case({first}, {one}, {second}, {two}, {three})")

        return made

    def _sum(self, depth: int) -> str:
        one, other = self.of("long", depth), self.of("long", depth)
        sign = self._one("+", "-", "*", "/", "%")
        return f"({one} {sign} {other})" if self._pick.random() < 0.9 else f"-({one})"

    def _size(self, depth: int) -> str:
        text = self.of("string", depth)
        return self._one(f"strlen({text})", f'array_length(split({text}, "/"))', "array_length(Bag.list)")

    def _read_number(self, depth: int) -> str:
        text = self.of("string", depth)
        return self._one(f"tolong({text})", "tolong(Bag.whole)", f'tolong(extract("([0-9]+)", 1, {text}))')

    def _bin(self, depth: int) -> str:
        return f"bin({self.of('long', depth)}, {self._one('2', '5', '10')})"

    def _real_sum(self, depth: int) -> str:
        other = self.of(self._one("real", "long"), depth)
        return f"({self.of('real', depth)} {self._one('+', '-', '*')} {other})"

    def _read_real(self, depth: int) -> str:
        return self._one(
            f"toreal({self.of('long', depth)})", "toreal(Bag.ratio)", f"bin({self.of('real', depth)}, 0.5)"
        )

    def _moved(self, depth: int) -> str:
        return f"({self.of('datetime', depth)} {self._one('+', '-')} {self._one(*_SPANS)})"

    def _time_bin(self, depth: int) -> str:
        return f"bin({self.of('datetime', depth)}, {self._one('1m', '5m', '1h', '1d')})"

    def _span_sum(self, depth: int) -> str:
        return self._one(
            f"({self.of('timespan', depth)} {self._one('+', '-')} {self.of('timespan', depth)})",
            f"({self.of('datetime', depth)} - {self.of('datetime', depth)})",
            f"({self.of('timespan', depth)} * {self._one('2', '3')})",
        )

    def _member(self, depth: int) -> str:
        return self._one(
            "Bag.inner.name", 'Bag["model"]', "Bag.list[0]", "Bag.list[-1]", "Bag.list[7]", "Bag.ip"
        )

    def _parts(self, depth: int) -> str:
        return f'split({self.of("string", depth)}, "/")[{self._pick.randrange(4)}]'

    def _packed(self, depth: int) -> str:
        long, text = self.of("long", depth), self.of("string", depth)
        return self._one(f"pack_array({long}, {text})", f'bag_pack("a", {long}, "b", {text})')


_NETWORKS = ('"203.0.113.0/24"', '"10.0.0.0/8"', '"198.51.100.20"', '"172.16.0.0/12"')
