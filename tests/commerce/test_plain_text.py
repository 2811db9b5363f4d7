from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.commerce.plain_text import plain_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("   \n ", ""),
        ("Light and warm.", "Light and warm."),
        ("<p>Light &amp; warm</p><p>Made of wool!</p>", "Light & warm. Made of wool!"),
        ("<ul><li>One<li>Two,</ul>three", "One. Two, three."),
        ("<b>Bold</b> and <i>thin</i><br>next", "Bold and thin. next."),
        ("a<script>if (x < y) alert('<p>')</script>b", "ab."),
        ("a<style>p { color: red }</style><p>b", "a. b."),
        ("<style>never ends", ""),
        ("<table><tr><td>Weight<td>2 kg</table>", "Weight 2 kg."),
        ("<!-- hidden --><p>shown</p>", "shown."),
        ("1 < 2 &lt; 3 &#233;&nbsp;&bogus;", "1 < 2 < 3 é &bogus;"),
        ("</p></script>text<", "text<."),
        ("日本語。<p>はい", "日本語。 はい."),
        ("a\0b", "a b."),
    ],
)
def test_html_becomes_text_for_a_voice(html: str, text: str) -> None:
    assert plain_text(html, 1_000) == text


def test_a_long_text_is_cut_at_a_word() -> None:
    text = plain_text("<p>" + "word " * 1_000, 42)
    assert len(text) <= 42
    assert text == "word word word word word word word word…"
    assert len(plain_text("x" * 1_000, 10)) == 10


@given(st.text(alphabet=st.sampled_from("<>/!-&;#x1abp script\0é"), max_size=300))
def test_no_text_breaks_it(html: str) -> None:
    assert len(plain_text(html, 50)) <= 50


@pytest.mark.parametrize(
    "html", ["<" * 200_000, "<p>" * 70_000, "&" * 200_000, "<!--" * 50_000, "<a b='" * 40_000]
)
def test_hostile_html_takes_bounded_time(html: str) -> None:
    began = time.process_time()
    plain_text(html, 4_000)
    assert time.process_time() - began < 5
