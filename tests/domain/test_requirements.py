"""Requirements: names of packages and nothing else, and one key for each set of them."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution_broker.domain.requirements import is_requirement, requirements_key


@pytest.mark.parametrize(
    "text",
    [
        "numpy",
        "numpy==1.26.4",
        "numpy >=1.26, <2",
        "astropy[recommended,all]>=6",
        "zope.interface~=5.0",
        'pywin32>=300; sys_platform == "win32"',
        "  padded  ",
    ],
)
def test_what_names_a_package_is_one(text: str) -> None:
    assert is_requirement(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-e .",
        "--index-url=http://x",
        "./numpy",
        "/numpy.whl",
        "numpy.whl/../x",
        "numpy @ https://example.org/numpy.whl",
        "git+https://example.org/x.git",
        "numpy --no-deps",
        "numpy>=1 --index-url=x",
        "numpy\n-r x",
        "a" * 201,
    ],
)
def test_paths_addresses_and_options_are_none(text: str) -> None:
    assert not is_requirement(text)


@given(st.lists(st.sampled_from(["a", "b==1", "c>2", "d"])), st.randoms())
def test_the_key_is_of_the_set(requirements: list[str], random: Random) -> None:
    shuffled = [f" {text} " for text in requirements] * 2
    random.shuffle(shuffled)
    assert requirements_key(shuffled) == requirements_key(requirements)
    assert requirements_key([*requirements, "e"]) != requirements_key(requirements)
