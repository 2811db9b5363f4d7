"""SVG files that are safe to draw."""

from __future__ import annotations

from pathlib import Path

import pytest

from greenroom.avatar.packs.problems import Problems
from greenroom.avatar.packs.svg import MAX_DEPTH, MAX_ELEMENTS, MAX_SVG_BYTES, Drawing, read_drawing
from support.tiny_pack import svg


def read(tmp_path: Path, text: str) -> tuple[Drawing | None, str]:
    """The drawing, and all problems as text."""
    file = tmp_path / "x.svg"
    file.write_text(text)
    problems = Problems()
    drawing = read_drawing(file, problems)
    assert (drawing is None) == bool(problems.found)
    return drawing, "\n".join(map(str, problems.found))


def test_what_editors_keep_is_dropped_and_the_drawing_stays(tmp_path: Path) -> None:
    text = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="-10,0 20 30" width="5cm"'
        ' xmlns:inkscape="http://www.inkscape.org/namespaces/inkscape"'
        ' xmlns:xlink="http://www.w3.org/1999/xlink"'
        ' xmlns:s="http://sodipodi.sourceforge.net/DTD/sodipodi-0.dtd">'
        "<title>A face</title><style> </style><!-- mine -->"
        '<s:namedview id="v"/><defs><linearGradient id="a"/>'
        '<linearGradient id="b" xlink:href="#a"/></defs>'
        '<g id="one" inkscape:label="lips"><path d="M0 0L1 1" fill="url(#b)"/></g>'
        '<g id="two"/></svg>'
    )
    drawing, problems = read(tmp_path, text)
    assert drawing is not None, problems
    assert drawing.box == (-10, 0, 20, 30)
    written = drawing.text().decode()
    assert "namedview" not in written
    assert "title" not in written
    assert "5cm" not in written
    assert 'xlink:href="#a"' in written
    group = drawing.group("one")
    assert group is not None
    assert group.get("label") == "lips"
    assert drawing.group("three") is None
    only = drawing.only("two").text().decode()
    assert "linearGradient" in only
    assert "lips" not in only


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("<text>Hi</text>", "has a <text>, which is not drawn; allowed: text as paths"),
        ('<image href="#a"/>', "pictures can't be part of a pack"),
        ("<style>path { fill: red }</style>", "presentation attributes"),
        ('<use href="#a"/>', "Unlink Clone"),
        ("<script>alert(1)</script>", "has a <script>"),
        ("<foreignObject/>", "has a <foreignObject>"),
        ('<linearGradient href="https://example.com/a.svg#b"/>', "outside the file"),
        ('<path fill="url(file:///etc/passwd)"/>', "outside the file"),
        ("<path style=\"fill: url( 'x.svg#a' )\"/>", "outside the file"),
        ('<path fill="url(#gone)"/>', "refers to #gone, which is not in it"),
        (
            (
                '<linearGradient id="a" href="#b"/><linearGradient id="b" href="#a"/>'
                '<path fill="url(#a)"/>'
            ),
            "refers to itself",
        ),
        ('<mask id="m"><path mask="url(#m)"/></mask>', "#m: refers to itself"),
    ],
)
def test_what_is_not_drawn_or_reaches_outside_is_refused(
    tmp_path: Path, content: str, said: str
) -> None:
    assert said in read(tmp_path, svg(content))[1]


def test_each_problem_is_said_once(tmp_path: Path) -> None:
    assert read(tmp_path, svg("<text/><g><text/></g>"))[1].count("<text>") == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<svg", "is not XML"),
        ("<svg viewBox='0 0 1 1'/>", "is not an SVG drawing"),
        ('<!DOCTYPE svg [<!ENTITY a "b">]><svg/>', "has a DOCTYPE"),
        ('<svg xmlns="http://www.w3.org/2000/svg"/>', "viewBox: is missing or wrong"),
        (svg("", "0 0 0 10"), "viewBox: is missing or wrong"),
        (svg("", "0 0 ten 10"), "viewBox: is missing or wrong"),
        (svg("", "0 0 nan 10"), "viewBox: is missing or wrong"),
        (svg("<g/>" * (MAX_ELEMENTS + 5)), "too complicated"),
        (svg("<g>" * (MAX_DEPTH + 3) + "</g>" * (MAX_DEPTH + 3)), "too complicated"),
        (svg("<!--" + "x" * MAX_SVG_BYTES + "-->"), "is too large; allowed: at most 512 KiB"),
    ],
)
def test_files_that_are_no_drawings_or_too_much_are_refused(
    tmp_path: Path, text: str, said: str
) -> None:
    assert said in read(tmp_path, text)[1]


def test_masks_of_masks_that_multiply_are_refused(tmp_path: Path) -> None:
    masks = "".join(
        f'<mask id="m{at}">' + f'<path mask="url(#m{at + 1})"/>' * 30 + "</mask>" for at in range(4)
    )
    said = read(tmp_path, svg(masks + '<mask id="m4"/><path mask="url(#m0)"/>'))[1]
    assert "at most 30000 elements" in said


def test_a_file_that_is_missing_is_said(tmp_path: Path) -> None:
    problems = Problems()
    assert read_drawing(tmp_path / "none.svg", problems) is None
    assert str(problems.found[0]).startswith("none.svg: can't be read (No such file")
