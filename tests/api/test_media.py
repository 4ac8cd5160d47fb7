"""Which format comes in, and which one goes out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution_broker.api.media import body_format, negotiate, negotiate_problem
from execution_broker.api.problems import PLAIN
from execution_broker.domain.errors import NotAcceptable, UnsupportedMedia
from execution_broker.formats import FORMATS, JSON, XML, YAML, Format


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("*", "application/json"),
        ("application/*", "application/json"),
        ("application/json", "application/json"),
        ("APPLICATION/JSON", "application/json"),
        ("application/problem+json", "application/json"),
        ("application/yaml", "application/yaml"),
        ("application/vnd.example+yaml", "application/yaml"),
        ("text/yaml", "text/yaml"),
        ("application/x-yaml", "application/x-yaml"),
        ("text/*", "text/yaml"),
        ("application/json, application/yaml", "application/json"),
        ("application/yaml, application/json", "application/json"),
        ("application/yaml, */*", "application/yaml"),
        ("application/yaml, */*;q=0.8", "application/yaml"),
        ("application/json;q=0.5, application/yaml;q=0.6", "application/yaml"),
        ("application/json; q=0.5 , text/yaml", "text/yaml"),
        ("application/json;q=0, */*;q=0.1", "application/yaml"),
        ("application/*;q=0.9, application/json;q=0.1", "application/yaml"),
        ("text/html, image/*, */*;q=0.8", "application/json"),
        ("text/html, image/gif, *; q=.2", "application/json"),
        ("application/json;version=1;q=0.9", "application/json"),
        ("nonsense", "application/json"),
        ("application/xml", "application/xml"),
        ("text/xml", "text/xml"),
        ("application/problem+xml", "application/xml"),
        ("application/xhtml+xml, application/yaml;q=0.5", "application/yaml"),
        ("application/xml;q=0.9, application/json;q=0.8", "application/xml"),
        ("text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8", "application/xml"),
        ("application/yaml;q=high", "application/json"),
        ("application/yaml;q=7, text/yaml;q=0.1", "text/yaml"),
    ],
)
def test_the_best_type_that_is_accepted(accept: str | None, media_type: str) -> None:
    assert negotiate(accept).media_type == media_type


@pytest.mark.parametrize("accept", ["text/html", "image/svg+xml", "*/*;q=0", "text/yaml;q=0"])
def test_none_that_is_accepted(accept: str) -> None:
    with pytest.raises(NotAcceptable):
        negotiate(accept)
    assert negotiate_problem(accept, PLAIN).media_type == "application/problem+json"


def test_a_problem_has_the_format_of_the_answer() -> None:
    assert negotiate_problem("text/yaml", PLAIN).media_type == "application/problem+yaml"
    assert (
        negotiate_problem("application/problem+yaml", PLAIN).media_type
        == "application/problem+yaml"
    )


@given(
    st.lists(
        st.tuples(
            st.sampled_from([name for format_ in FORMATS for name in format_.types]),
            st.integers(0, 1000).map(lambda n: n / 1000),
        ),
        min_size=1,
        max_size=4,
        unique_by=lambda pair: pair[0],
    )
)
def test_no_accepted_type_has_a_higher_quality_than_the_chosen(
    accepted: list[tuple[str, float]],
) -> None:
    header = ", ".join(f"{name};q={quality}" for name, quality in accepted)
    best = max(quality for _, quality in accepted)
    if best == 0:
        with pytest.raises(NotAcceptable):
            negotiate(header)
    else:
        assert (negotiate(header).media_type, best) in accepted


@given(st.text(max_size=60))
def test_no_accept_header_breaks_the_reader(accept: str) -> None:
    try:
        assert negotiate(accept).format in FORMATS
    except NotAcceptable:
        assert negotiate_problem(accept, PLAIN).format is JSON


@pytest.mark.parametrize(
    ("content_type", "format_"),
    [
        (None, JSON),
        ("application/json", JSON),
        ("Application/JSON; charset=UTF-8", JSON),
        ('application/json;charset="utf-8"', JSON),
        ("application/vnd.example+json", JSON),
        ("application/yaml", YAML),
        ("text/yaml; charset=utf8", YAML),
        ("application/x-yaml", YAML),
        ("application/vnd.example+yaml;version=1", YAML),
        ("application/xml", XML),
        ("text/xml; charset=utf-8", XML),
        ("application/vnd.example+xml", XML),
    ],
)
def test_formats_of_bodies(content_type: str | None, format_: Format) -> None:
    assert body_format(content_type, None) is format_


@pytest.mark.parametrize(
    ("content_type", "content_encoding"),
    [
        ("text/plain", None),
        ("", None),
        ("application/x-www-form-urlencoded", None),
        ("application/json; charset=latin-1", None),
        ("text/yaml;charset=utf-16", None),
        ("application/json", "gzip"),
    ],
)
def test_bodies_that_are_not_read(content_type: str, content_encoding: str | None) -> None:
    with pytest.raises(UnsupportedMedia):
        body_format(content_type, content_encoding)
