"""What Kusto has and a rule on a stream has not: each by its name, with what to write instead.

Sentences only. They are shown beside the line and column of the word.
"""

from __future__ import annotations

_ONE_TABLE = "a rule reads the stream of one table, AzureActivity"
_LOOK_UP = f"{_ONE_TABLE}; put what you look up into a list with let and test with in"
_ONE_BY_ONE = "rows come one by one and none is the last; write where with a threshold"
_NO_ORDER = "the records of a stream have no fixed order to begin with"
_BY_KEYS = "write summarize ... by the keys"
_EXPAND = (
    "one record cannot become several here; reach into an array by index, as in x[0], or test it with has_any"
)
_PARSE = "take the parts out with extend and extract(...), split(...) or parse_json(...)"
_STATE = "it works on a whole table at once, which a stream never is; leave it out"
_SHOWN = "it only changes how a result is shown; leave it out"
_VALUES = "write the values as let x = dynamic([...])"

OPERATORS = {
    "join": f"join is not supported: {_LOOK_UP}",
    "lookup": f"lookup is not supported: {_LOOK_UP}",
    "union": f"union is not supported: {_ONE_TABLE}; write one rule for each table",
    "mv-expand": f"mv-expand is not supported: {_EXPAND}",
    "mvexpand": f"mvexpand is not supported: {_EXPAND}",
    "mv-apply": f"mv-apply is not supported: {_EXPAND}",
    "mvapply": f"mvapply is not supported: {_EXPAND}",
    "parse": f"parse is not supported; {_PARSE}",
    "parse-where": f"parse-where is not supported; {_PARSE}, and test with where",
    "parse-kv": f"parse-kv is not supported; {_PARSE}",
    "evaluate": "evaluate is not supported: plugins run in Kusto only; "
    "for bag_unpack write extend x = bag.name, for pivot a countif(...) for each value",
    "invoke": "invoke is not supported: a rule has no functions of its own; write the steps out",
    "make-series": "make-series is not supported; write summarize ... by bin(TimeGenerated, 1h)",
    "distinct": "distinct is not supported; write summarize count() by the same columns",
    "take": f"take is not supported: {_NO_ORDER}, and every row that is left is an alert; leave it out",
    "limit": f"limit is not supported: {_NO_ORDER}, and every row that is left is an alert; leave it out",
    "top": f"top is not supported: {_ONE_BY_ONE}",
    "top-nested": f"top-nested is not supported: {_ONE_BY_ONE}",
    "top-hitters": f"top-hitters is not supported: {_ONE_BY_ONE}",
    "sample": "sample is not supported: a rule looks at every record; leave it out",
    "sample-distinct": "sample-distinct is not supported; write make_set(x, n) in summarize",
    "count": f"count is not supported as an operator; {_BY_KEYS}, as in summarize count() by Caller",
    "serialize": f"serialize is not supported: {_NO_ORDER}; compare min(...) with max(...)",
    "scan": "scan is not supported; count the steps with countif(...) in summarize, and test with where",
    "search": "search is not supported; name the column, as in where Properties has ...",
    "find": f"find is not supported: {_ONE_TABLE}; write AzureActivity | where ...",
    "render": f"render is not supported: {_SHOWN}",
    "as": "as is not supported: a rule has one query, which nothing else refers to; leave it out",
    "consume": f"consume is not supported: {_SHOWN}",
    "fork": "fork is not supported: a rule has one result; write a rule for each branch",
    "facet": f"facet is not supported: a rule has one result; {_BY_KEYS}",
    "partition": f"partition is not supported; {_BY_KEYS}",
    "reduce": f"reduce is not supported; {_BY_KEYS}",
    "getschema": "getschema is not supported; the command `rules schema` lists the columns",
    "externaldata": f"externaldata is not supported: a rule reads no files; {_VALUES}",
    "project-reorder": "project-reorder is not supported; write project with the columns in order",
    "project-keep": "project-keep is not supported; write project with the columns you want",
    "graph-match": f"graph-match is not supported: {_STATE}",
    "make-graph": f"make-graph is not supported: {_STATE}",
    "graph-to-table": f"graph-to-table is not supported: {_STATE}",
    "assert-schema": f"assert-schema is not supported: {_STATE}",
    "macro-expand": f"macro-expand is not supported: {_ONE_TABLE}",
    "print": "print is not supported: a rule begins with AzureActivity; put a value into let",
    "range": "range is not supported: a rule begins with AzureActivity; put a value into let",
}
"""Operators that come behind |, and those that a query may begin with."""

CALLS = {
    "toscalar": "toscalar is not supported: a rule has one query; write the value as a constant with let",
    "totable": "totable is not supported: a rule has one query",
    "materialize": "materialize is not supported: a rule has one query; write its steps out",
    "datatable": f"datatable is not supported: {_ONE_TABLE}; {_VALUES}",
    "externaldata": f"externaldata is not supported: a rule reads no files; {_VALUES}",
    "external_data": f"external_data is not supported: a rule reads no files; {_VALUES}",
}
"""What takes or makes a table inside of an expression, and may begin a query too."""

STATEMENTS = {
    "set": "set is not supported: its options steer Kusto's engine; leave it out",
    "declare": "declare is not supported: a rule has no parameters; write let name = value;",
    "alias": f"alias is not supported: {_ONE_TABLE}; leave it out",
    "restrict": f"restrict is not supported: {_ONE_TABLE}; leave it out",
    "pattern": "pattern is not supported; write the query out",
}

TABULAR_LET = (
    "let cannot hold a table here: a rule has one query; put the steps into the query itself, and lists of "
    "values into let x = dynamic([...])"
)
FUNCTION_LET = (
    "functions of your own are not supported; write the expression where it is used, or with extend"
)
LET_AS_TABLE = "this is the value of a let and no table; begin the query with AzureActivity"
VIEW_LET = "views are not supported; put the steps into the query itself"
QUERY_INSIDE = (
    "a query inside of a query is not supported; write the values as a list, or with let x = dynamic([...])"
)
OTHER_TABLE = f"{_ONE_TABLE}; begin the query with AzureActivity"
HINT = "hints steer Kusto's engine and change no result; leave it out"
SECOND_QUERY = "the query has ended before this; a rule file has exactly one query"
ENDED_QUERY = "the ; before this has ended the query; remove it"
COMPOUND_NAME = (
    "names in brackets before = are not supported; name the result with one name, or leave the names out"
)

_BLANK = "is followed by its bracket without a blank, as in"
NOT_A_CALL = {
    "int": f"int {_BLANK} int(5)",
    "long": f"long {_BLANK} long(5)",
    "real": f"real {_BLANK} real(1.5)",
    "double": f"double {_BLANK} double(1.5)",
    "bool": f"bool {_BLANK} bool(true)",
    "time": f"time {_BLANK} time(1.02:03:04)",
    "timespan": f"timespan {_BLANK} timespan(1.02:03:04)",
    "datetime": f"datetime {_BLANK} datetime(2026-01-02)",
    "date": f"date {_BLANK} date(2026-01-02)",
    "decimal": "decimal is not supported; write real(...)",
    "guid": "guid is not supported; write the GUID as text in quotes and compare with =~",
    "string": 'string(...) is no literal: a string has no null; write "", or convert with tostring(...)',
    "typeof": "typeof(...) is not supported; convert with tostring(...) and its kin",
    "boolean": "boolean(...) is no literal; write bool(...)",
}
"""Names of types before a bracket where no literal stands."""

NOT_A_NAME = frozenset(
    {
        "and", "or", "in", "between", "by", "asc", "desc", "let", "where", "matches", "null", "dynamic",
        "has", "has_cs", "has_any", "has_all", "hasprefix", "hasprefix_cs", "hassuffix", "hassuffix_cs",
        "contains", "contains_cs", "startswith", "startswith_cs", "endswith", "endswith_cs",
        "summarize", "extend", "project", "filter",
    }
)  # fmt: skip
"""Words that are no column unless in ['quotes']. Kusto reserves more; whoever uses those loses nothing."""

LEGACY_OPERATORS = {
    "like": "like is not supported; write contains, startswith, endswith or matches regex",
    "likecs": "likecs is not supported; write contains_cs, startswith_cs, endswith_cs or matches regex",
    "notlike": "notlike is not supported; write !contains, !startswith or !endswith",
    "notlikecs": "notlikecs is not supported; write !contains_cs, !startswith_cs or !endswith_cs",
    "notcontains": "notcontains is not supported; write !contains",
    "notcontainscs": "notcontainscs is not supported; write !contains_cs",
    "containscs": "containscs is not supported; write contains_cs",
    "!has_any": "KQL has no !has_any; write not(x has_any (...))",
    "!has_all": "KQL has no !has_all; write not(x has_all (...))",
    "!matches": "KQL has no !matches; write not(x matches regex ...)",
    ":": ": is not supported; write has",
}

OTHER_LANGUAGES = {
    "is": "KQL has no is; write isnull(x), isnotnull(x), isempty(x) or isnotempty(x)",
    "not": "not is a function; write not(...) around the condition, or !in, !has, !contains, ...",
    "eq": "KQL has no eq; write ==",
    "ne": "KQL has no ne; write !=",
    "gt": "KQL has no gt; write >",
    "ge": "KQL has no ge; write >=",
    "lt": "KQL has no lt; write <",
    "le": "KQL has no le; write <=",
    "equals": "KQL has no equals; write == or =~",
    "regex": "write matches regex",
}
