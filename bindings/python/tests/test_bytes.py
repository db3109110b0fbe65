"""The line that is stored is the command's own."""

import json

import anyio
import pytest
from mirrorbox import InvalidError
from mirrorbox._native import to_line
from support import place

LINES = [
    '{"type":"user","message":{"content":"é 😀 \\u2028"},"n":[1,-0.5,1e+21,123456789012345680000]}',
    '{"a":0.00005,"b":5e-7,"c":1.5e-10,"d":1e+300,"e":0.1,"f":100}',
    '{"s":"\\ud800x\\udfff","t":"\\u0000\\u001f\\b\\f\\n\\r\\t\\"\\\\/","u":"\x7f\u2028\u2029"}',
    '{"true":true,"null":null,"empty":{},"list":[[],[{}]],"":""}',
    '{"big":12345678901234567890123456789,"z":9007199254740993}',
    '{}',
]


@pytest.mark.parametrize("line", LINES)
def test_a_line_comes_back_as_it_was(line):
    line = line.replace("\\u2028", "\u2028")
    assert to_line(json.loads(line)).decode() == line


def test_numbers_are_javascripts():
    numbers = {"whole": 1.0, "zero": -0.0, "most": 1e999, "least": -1e999, "none": float("nan"), "one": True}
    assert to_line(numbers) == b'{"whole":1,"zero":0,"most":1e999,"least":-1e999,"none":null,"one":true}'


def test_names_are_those_of_json_dumps():
    assert to_line({2: 1, None: 2, True: 3, 0.5: (4,)}) == b'{"2":1,"null":2,"true":3,"0.5":[4]}'


def test_what_is_no_json_is_refused():
    deep: list = []
    for _ in range(2000):
        deep = [deep]
    for entry in [{"a": {1, 2}}, {"a": b"x"}, {"a": object()}, [], "x", {"a": deep}]:
        with pytest.raises(InvalidError):
            to_line(entry)


def test_stored_lines_are_the_commands(tmp_path):
    where = place(tmp_path)
    key = {"project_key": "p", "session_id": "s"}
    entries = [json.loads(line) for line in LINES]

    async def run():
        async with where.open() as store:
            await store.append(key, entries)
            assert await store.load(key) == entries
            assert not await store.flush(60)

    anyio.run(run)
    stored = b"".join(path.read_bytes() for path in sorted(where.store.rglob("*")) if path.is_file())
    for line in LINES:
        assert to_line(json.loads(line)) in stored
