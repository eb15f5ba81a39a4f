"""One reader of JSON and TOML: what does not fit is told in one line, with the file, the key, found and expected."""

import json
import os

import pytest

from tests.checks import refused
from tinyalex.errors import UserError
from tinyalex.schema import (
    MOST_LEVELS,
    anything,
    cases,
    each,
    judge,
    like,
    number,
    one_of,
    optional,
    or_null,
    read_json,
    read_lines,
    read_toml,
    record,
    table,
    text,
    truth,
    whole,
)

NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize(
    "kind, right, wrong",
    [
        (
            text(3),
            ["", "abc", "é犬x", "\udc80"],
            [None, 3, b"a", "abcd", "\0", "a\0", "é\0", "\ud800", "\udfff", ["a"]],
        ),
        (text(3, least=1), ["a"], [""]),
        (like("[ab]+", "a and b"), ["ab"], ["", "ab\n", "abc", 3, None]),
        (one_of("a", 1), ["a", 1], ["b", True, 1.0, None, [], {}]),
        (whole(), [0, 2**63 - 1], [-1, 2**63, 1.0, True, "1", None, NAN]),
        (whole(-2, 3), [-2, 3], [-3, 4]),
        (number(), [0, -1.5, 10**300], [NAN, INFINITY, -INFINITY, 10**400, -(10**400), True, "1", None, [1]]),
        (number(0, 1), [0, 1, 0.5], [-1e-9, 1.0000001, NAN]),
        (truth, [True, False], [0, 1, None, "true"]),
        (or_null(whole()), [None, 3], ["x", NAN]),
        (each(whole()), [[], [1, 2]], [None, {}, "ab", [1, "x"], (1,)]),
        (each(whole(), 2, 3), [[1, 2], [1, 2, 3]], [[1], [1, 2, 3, 4]]),
        (table(whole()), [{}, {"a": 1}], [None, [], {"a": "x"}, {"a" * 1001: 1}, {"\ud800": 1}]),
        (
            record(a=whole(), b=optional(whole())),
            [{"a": 1}, {"a": 1, "b": 2, "c": "x"}],
            [{}, {"b": 1}, {"a": 1, "b": "x"}],
        ),
        (record(a=whole(), only=True), [{"a": 1}], [{"a": 1, "c": 1}, [], None]),
        (
            cases("k", {"x": record(a=whole()), "y": record()}),
            [{"k": "x", "a": 1}, {"k": "y"}],
            [{"k": "x"}, {"k": []}, {}],
        ),
        (anything, [None, NAN, [[]]], []),
    ],
    ids=lambda value: getattr(value, "words", None),
)
def test_kinds(kind, right, wrong):
    for value in right:
        assert judge(value, kind, "file") is value
    for value in wrong:
        refused(lambda: judge(value, kind, "file"), "file: ", "found ", ", expected ", error=UserError)


RUN = record(
    state=record(history=each(record(lr=number(0))), note=optional(text(5))),
    size=whole(1, 10),
    t=optional(table(truth)),
)


@pytest.mark.parametrize(
    "value, words",
    [
        ({"size": 3}, "f: state: found nothing, expected entries"),
        ({"state": {}, "size": 3}, "f: state.history: found nothing, expected a list"),
        (
            {"state": {"history": [{"lr": 1}, {"lr": "x" * 99}]}},
            f'f: state.history[1].lr: found "{"x" * 38}…, expected a number, 0',
        ),
        ({"state": {"history": [3]}}, 'f: state.history[0]: found 3, expected entries "lr"'),
        ({"state": {"history": []}, "size": 11}, "f: size: found 11, expected a whole number from 1 to 10"),
        (
            {"state": {"history": [], "note": "\x1b[2J\n\n"}},
            'f: state.note: found "\\u001b[2J\\n\\n", expected plain text',
        ),
        ({"state": {"history": []}, "size": 1, "t": {"a\nb": 3}}, "f: t.a\\nb: found 3, expected true or false"),
        ([1, 2], 'f: found a list of 2, expected entries "state", "size"'),
        ({"state": dict.fromkeys("abcd")}, "f: state.history: found nothing"),
        ({"state": 10**30}, f"f: state: found {10**30}, expected entries"),
    ],
)
def test_where_it_does_not_fit(value, words):
    with pytest.raises(UserError) as caught:
        judge(value, RUN, "f")
    assert str(caught.value).startswith(words) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", "not a JSON file"),
        (b"{", "not a JSON file"),
        (b"\xff{}", "not a JSON file"),
        (b"\xef\xbb\xbf{}", "not a JSON file"),
        (b"[" * 200_000, "nested too deeply"),
        (b"[" * 200_000 + b"]" * 200_000, "nested too deeply"),
        (b'{"a":' * 200_000, "nested too deeply"),
        (b"[" * (MOST_LEVELS + 1) + b"]" * (MOST_LEVELS + 1), f"at most {MOST_LEVELS} levels"),
        (b"1" * 5000, "not a JSON file"),
        (b" " * (32 * 2**20 + 1), "33,554,433 bytes, expected at most 33,554,432"),
    ],
    ids=range(10),
)
def test_files_that_are_no_json(tmp_path, content, words):
    (tmp_path / "a.json").write_bytes(content)
    refused(lambda: read_json(tmp_path / "a.json", anything), tmp_path / "a.json", words, error=UserError)


def test_as_deep_as_it_may_be(tmp_path):
    (tmp_path / "a.json").write_text("[" * MOST_LEVELS + "]" * MOST_LEVELS)
    read_json(tmp_path / "a.json", anything)


@pytest.mark.parametrize("read", [read_json, read_lines, read_toml])
def test_what_is_no_file(tmp_path, read):
    refused(lambda: read(tmp_path / "none", anything), tmp_path / "none", "not found", error=UserError)
    refused(lambda: read(tmp_path, anything), tmp_path, "directory", error=UserError)
    refused(lambda: read(tmp_path / ("x" * 300), anything), "File name too long", error=UserError)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        refused(lambda: read(tmp_path / "pipe", anything), tmp_path / "pipe", "expected a file", error=UserError)


def test_lines_are_named_and_only_the_last_may_be_cut(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text('{"a": 1}\n{"a": 2}\n')
    kind = record(a=whole())
    assert read_lines(file, kind) == [{"a": 1}, {"a": 2}]
    for cut in ('{"a": 1}\n{"a', '{"a": 1}\n\0\0\0', '{"a": 1}\n'):
        file.write_text(cut)
        assert read_lines(file, kind) == [{"a": 1}]
    file.write_bytes(b'{"a": 1}\n\xff')
    assert read_lines(file, kind) == [{"a": 1}]
    for damaged, words in [
        ('{"a": 1}\n{"a": "x"}', 'line 2: a: found "x", expected a whole number'),
        ('{"a\n{"a": 1}\n', "line 1: not JSON"),
        ("\n", "line 1: not JSON"),
    ]:
        file.write_text(damaged)
        refused(lambda: read_lines(file, kind), f"{file}: {words}", error=UserError)


def test_the_text_of_a_huge_number_is_no_obstacle():
    refused(
        lambda: judge(json.loads("1" * 4000), text(), "f"), "f: found 1111", "…, expected plain text", error=UserError
    )
