"""Well-known functions and operators of KQL that rules may not use, each with what to write instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

_SERIES = "time series are not supported; write summarize with count() or countif()"
_GEO = "geography is not supported in rules"
_IPV6 = "IPv6 addresses are not supported; the ipv4_* functions answer null for them, so compare the text"
_ORDER = "it looks at other rows, and rows have no order in a stream; write summarize with min, max or count"
_ONCE = "a rule sees each record once, where it arrives"
_WHO = "a rule does not know who runs it, or where"
_TABLES = "a rule reads AzureActivity alone, and its lists are let statements with dynamic([...])"
_AGGREGATE = (
    "this aggregate is not supported; there are count, countif, dcount, dcountif, sum, sumif, min, max,"
    " make_set, make_set_if, make_list, take_any, arg_max and arg_min"
)
_SKETCH = "sketches are not supported; write dcount(...) or count()"
_MATHS = "mathematics beyond + - * / %, abs and bin is not supported in rules"
_BITS = "bits are not supported; compare numbers, or write ipv4_is_in_range(...) for addresses"
_ARRAYS = (
    "it is not supported; take elements by position, or write set_has_element(...) or array_index_of(...)"
)
_CODES = "this encoding is not supported; write base64_decode_tostring(...), or compare the encoded text"
_CHARACTERS = "it is not supported; write the characters themselves, or a regular expression"
_GRAPHS = "graphs are not supported in rules"
_COLUMNS = "write columns by name: which there are is known"

_SENTENCES: dict[str, str] = {
    "URLs are not taken apart here; write extract(...) with a regular expression for the part you need": (
        "parse_url parseurl parse_urlquery parseurlquery"
    ),
    'paths are not taken apart here; write split(..., "/") and take the element you need': "parse_path",
    "it is not supported; write has, contains, split(...) or extract(...)": (
        "parse_xml parse_csv parse_command_line parse_user_agent regex_quote"
    ),
    "versions are not compared here; write extract(...) and compare numbers": "parse_version",
    "whether a plus sign stands for a blank is not documented; compare the encoded text": (
        "url_decode url_encode url_encode_component"
    ),
    "custom formats are not supported; compare the value itself, or write tostring(...)": (
        "format_datetime format_timespan format_bytes tohex"
    ),
    "it gives something else each time, and a rule must give the same answer for the same records": (
        "rand new_guid"
    ),
    _ORDER: (
        "row_number row_cumsum row_rank row_rank_dense row_rank_min row_window_session prev next"
        " around rowstore_ordinal_range"
    ),
    _IPV6: (
        "parse_ipv6 parse_ipv6_mask ipv6_compare ipv6_is_match ipv6_is_in_range ipv6_is_in_any_range"
        " ipv6_lookup"
    ),
    "texts are not searched for addresses; write extract(...) and an ipv4_* function of what it finds": (
        "has_ipv4 has_any_ipv4 has_ipv4_prefix has_any_ipv4_prefix"
    ),
    "masks are not supported here; write ipv4_is_in_range(...) or ipv4_is_match(...)": (
        "parse_ipv4_mask ipv4_netmask_suffix format_ipv4 format_ipv4_mask ipv4_range_to_cidr_list ipv4_lookup"
    ),
    _TABLES: (
        "toscalar materialize materialized_view externaldata external_table table cluster database workspace"
        " app resource datatable range view entity_group stored_query_result graph"
        " _GetWatchlist _GetWatchlistAlias"
    ),
    "all matches at once are not supported; write extract(...) for the first one": "extract_all extractall",
    "write parse_json(...) and take the member by name": "extract_json extractjson",
    "Kusto does not document this hash; write hash_sha256(...)": "hash hash_xxhash64",
    "write hash_sha256(...)": "hash_md5 hash_sha1 hash_combine hash_many",
    _ONCE: (
        "cursor_after cursor_current cursor_before_or_at current_cursor extent_id extentid extent_tags row_id"
        " estimate_data_size"
    ),
    "when a record was stored is not known in a stream; write TimeGenerated": "ingestion_time",
    _WHO: (
        "current_principal current_principal_details current_principal_is_member_of current_database"
        " current_cluster_endpoint current_node_id"
    ),
    _AGGREGATE: (
        "avg avgif percentile percentiles percentilew percentilesw percentiles_array percentilesw_array"
        " stdev stdevif stdevp variance varianceif variancep variancepif covariance covarianceif covariancep"
        " covariancepif make_bag make_bag_if make_dictionary make_list_with_nulls make_list_if buildschema"
        " binary_all_and binary_all_or binary_all_xor minif maxif take_anyif anyif count_distinct"
        " count_distinctif passthrough"
    ),
    _SKETCH: (
        "hll hll_if hll_merge hll_isvalid dcount_hll tdigest tdigest_merge merge_tdigest tdigest_isvalid"
        " percentile_tdigest percentiles_array_tdigest percentrank_tdigest rank_tdigest"
    ),
    "decimal and guid are not supported; write toreal(...) or tostring(...)": (
        "todecimal toguid decimal guid base64_decode_toguid base64_encode_fromguid"
    ),
    "how halves are rounded is not documented; write bin(...) or tolong(...)": "round ceiling",
    _MATHS: (
        "pow sqrt log log2 log10 exp exp2 exp10 pi sin cos tan asin acos atan atan2 cot degrees radians sign"
        " gamma loggamma erf erfc beta_cdf beta_inv beta_pdf welch_test jaccard_index convert_angle"
        " convert_energy convert_force convert_length convert_mass convert_speed convert_temperature"
        " convert_volume"
    ),
    _BITS: (
        "binary_and binary_or binary_xor binary_not binary_shift_left binary_shift_right bitset_count_ones"
    ),
    "every match of a regular expression takes time in the square of the text's length; write"
    " replace_string(...) for a text, or extract(...) for the part you need": "replace replace_regex",
    "write replace_string(...) once for each": "replace_strings translate",
    "write bin(...), or startofweek(...) and its kin": "bin_at bin_auto",
    "write getyear(...), monthofyear(...), dayofmonth(...) or hourofday(...)": (
        "datetime_part datepart week_of_year weekofyear"
    ),
    "write the datetime plus a timespan, or startofmonth(..., 1)": "datetime_add",
    "a rule works in UTC": "datetime_utc_to_local datetime_local_to_utc datetime_list_timezones",
    "write a literal such as datetime(2026-03-12)": "make_datetime",
    "write unixtime_microseconds_todatetime(...)": "unixtime_nanoseconds_todatetime",
    _ARRAYS: (
        "array_concat array_iff array_iif array_slice array_split array_sort_asc array_sort_desc"
        " array_reverse array_rotate_left array_rotate_right array_shift_left array_shift_right array_sum"
        " set_union set_intersect set_difference set_equals zip repeat treepath strcat_array array_strcat"
        " bag_merge bag_remove_keys bag_set_key bag_zip pack_all bag_pack_columns"
    ),
    "write has_any (...)": "has_any_index",
    "write indexof(...) or extract(...)": "indexof_regex",
    "write tostring(...)": "dynamic_to_json",
    "write strlen(...)": "string_size",
    _CODES: (
        "base64_encode_tostring base64_encodestring base64_decode_toarray base64_encode_fromarray"
        " gzip_decompress_from_base64_string gzip_compress_to_base64_string"
        " zlib_decompress_from_base64_string zlib_compress_to_base64_string punycode_to_string"
        " punycode_from_string punycode_domain_to_string punycode_domain_from_string"
    ),
    _CHARACTERS: (
        "unicode_codepoints_from_string unicode_codepoints_to_string to_utf8 make_string isascii isutf8"
        " strrep"
    ),
    _COLUMNS: "column_ifexists columnifexists iscolumnexists column_names_of",
    _GRAPHS: "all map inner_nodes node_id node_degree_in node_degree_out labels",
    "a condition belongs into where": "assert",
    "write make_set(...)": "makeset",
    "write make_list(...)": "makelist",
    "write arg_max(...)": "argmax",
    "write arg_min(...)": "argmin",
    "write count()": "cnt",
    "write array_length(...)": "arraylength",
    _GEO: "geo_info_from_ip_address",
}

_FAMILIES: tuple[tuple[str, str], ...] = (
    ("series_", _SERIES),
    ("geo_", _GEO),
    ("ipv6_", _IPV6),
    ("row_", _ORDER),
    ("cursor_", _ONCE),
    ("current_", _WHO),
    ("binary_", _BITS),
    ("percentile", _AGGREGATE),
)


class _Refused(Mapping[str, str]):
    """The names above, and on look-up whole families by how their names begin."""

    def __init__(self) -> None:
        self._sentences = {name: sentence for sentence, names in _SENTENCES.items() for name in names.split()}

    def __getitem__(self, name: str) -> str:
        sentence = self._sentences.get(name)
        if sentence is None:
            sentence = next((told for start, told in _FAMILIES if name.startswith(start)), None)
        if sentence is None:
            raise KeyError(name)
        return sentence

    def __iter__(self) -> Iterator[str]:
        return iter(self._sentences)

    def __len__(self) -> int:
        return len(self._sentences)


REFUSED: Mapping[str, str] = _Refused()
"""What to say of a name, without the name: a clause that says why not, or what to write instead."""


def refusal(name: str) -> str | None:
    """What `REFUSED` says of a name; None of one that is not known."""
    return REFUSED.get(name)
