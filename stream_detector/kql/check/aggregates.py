"""The aggregates of summarize: what each takes and gives, and which well-known ones are not supported.

A table without behaviour; `check_summarize` reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

from stream_detector.kql.types import Type

LARGEST_SET = 1_048_576
"""Most members of make_set and make_list, and how many there are without a size argument."""

_ORDERED = frozenset(Type) - {Type.DYNAMIC}
_SUMMED = frozenset({Type.INT, Type.LONG, Type.REAL, Type.TIMESPAN})


class AggregateForm(Struct, frozen=True, gc=False):
    """How an aggregate is called: values, then a predicate, then a size or an accuracy."""

    function: str
    """Its name without aliases."""
    prefix: str
    """Before `_` in the name of its column; empty when the column is named like the value alone."""
    values: int = 1
    """How many values it takes."""
    has_predicate: bool = False
    option: str = ""
    """What may come last: `size` or `accuracy`."""
    accepts: frozenset[Type] = _ORDERED
    """Types of the value."""
    gives: Type | None = None
    """None: the type of the value, an int summed being a long."""


AGGREGATES: Mapping[str, AggregateForm] = MappingProxyType(
    {
        "count": AggregateForm("count", "count", 0, gives=Type.LONG),
        "countif": AggregateForm("countif", "countif", 0, has_predicate=True, gives=Type.LONG),
        "dcount": AggregateForm("dcount", "dcount", option="accuracy", gives=Type.LONG),
        "dcountif": AggregateForm(
            "dcountif", "dcountif", has_predicate=True, option="accuracy", gives=Type.LONG
        ),
        "make_set": AggregateForm("make_set", "set", option="size", gives=Type.DYNAMIC),
        "make_set_if": AggregateForm(
            "make_set_if", "set", has_predicate=True, option="size", gives=Type.DYNAMIC
        ),
        "make_list": AggregateForm("make_list", "list", option="size", gives=Type.DYNAMIC),
        "min": AggregateForm("min", "min"),
        "max": AggregateForm("max", "max"),
        "sum": AggregateForm("sum", "sum", accepts=_SUMMED),
        "sumif": AggregateForm("sumif", "sumif", has_predicate=True, accepts=_SUMMED),
    }
)
"""Those that give one column."""

SEVERAL: Mapping[str, str] = MappingProxyType(
    {"take_any": "take_any", "any": "take_any", "arg_max": "arg_max", "arg_min": "arg_min"}
)
"""Those that may give several columns, with the name they have without aliases."""

_DIVIDE = "sum the values, count them with countif(isnotnull(x)), and divide in an extend after summarize"
_EXACT = "there is no approximation here: keep the values with make_set(x), or count them with dcount(x)"
_SPREAD = (
    "how far values spread has no aggregate here: compare max(x) with min(x), or count what is out of"
    " bounds with countif(x > 100)"
)
_WHEN = "put the condition into iff(), with a null such as long(null) for the other rows"

REFUSED_AGGREGATES: Mapping[str, str] = MappingProxyType(
    {
        "avg": _DIVIDE,
        "avgif": _DIVIDE,
        "count_distinct": "write dcount(x), which is exact here",
        "count_distinctif": "write dcountif(x, condition), which is exact here",
        "minif": f"write min() and {_WHEN}",
        "maxif": f"write max() and {_WHEN}",
        "anyif": 'write take_any(iff(condition, x, "")), which prefers what is not empty',
        "take_anyif": 'write take_any(iff(condition, x, "")), which prefers what is not empty',
        "make_list_if": "write make_set_if(x, condition), or put the condition into a where",
        "make_list_with_nulls": "write make_list(x), which leaves nulls out",
        "makeset": "it keeps 128 values unless told otherwise: write make_set(x, 128)",
        "makelist": "it keeps 128 values unless told otherwise: write make_list(x, 128)",
        "argmax": "it names its columns differently: write arg_max",
        "argmin": "it names its columns differently: write arg_min",
        "cnt": "write count()",
        **dict.fromkeys(("percentile", "percentiles", "percentilew", "percentilesw"), _EXACT),
        **dict.fromkeys(("percentiles_array", "percentilesw_array"), _EXACT),
        **dict.fromkeys(("hll", "hll_if", "hll_merge", "tdigest", "tdigest_merge", "merge_tdigest"), _EXACT),
        **dict.fromkeys(("stdev", "stdevif", "stdevp", "variance", "varianceif", "variancep"), _SPREAD),
        **dict.fromkeys(
            ("covariance", "covarianceif", "covariancep", "covariancepif", "variancepif"), _SPREAD
        ),
        **dict.fromkeys(
            ("make_bag", "make_bag_if", "make_dictionary"),
            "write make_set(strcat(name, '=', value)), or one aggregate for each member",
        ),
        "buildschema": "the shape of dynamic values is no condition of a rule: leave it out",
        "passthrough": "leave it out",
        **dict.fromkeys(
            ("binary_all_and", "binary_all_or", "binary_all_xor"),
            "write countif() with the condition on the bits",
        ),
    }
)
"""Aggregates of Kusto that are not supported: what to write instead."""

AGGREGATE_NAMES = frozenset({*AGGREGATES, *SEVERAL, *REFUSED_AGGREGATES})
"""Every name that is an aggregate's."""


def result_type(form: AggregateForm, value: Type) -> Type:
    """The type of the column, from that of the value."""
    if form.gives is not None:
        return form.gives
    return Type.LONG if form.function in ("sum", "sumif") and value is Type.INT else value
