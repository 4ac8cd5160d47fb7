"""Every message of the registry."""

import pytest

from execution_broker.domain.messages import NOT_ALLOWED, REGISTRY, Template


@pytest.mark.parametrize("template", REGISTRY.values(), ids=lambda template: template.kind)
def test_every_template_makes_a_whole_sentence_of_its_values(template: Template) -> None:
    values = {name: f"<{name}>" for name in template.values}
    message = template(**values)
    assert message.kind == template.kind
    assert message.level == template.level
    assert message.template == template.text
    assert message.values == values
    assert message.message is not None
    assert all(value in message.message for value in values.values())
    assert "{" not in message.message
    assert message.time is None


@pytest.mark.parametrize("template", REGISTRY.values(), ids=lambda template: template.kind)
def test_no_template_does_without_any_of_its_values(template: Template) -> None:
    for missing in template.values:
        with pytest.raises(KeyError, match=missing):
            template(**dict.fromkeys(template.values - {missing}, ""))


def test_a_suggestion_is_kept_beside_the_values() -> None:
    message = NOT_ALLOWED(place="data[0]", reason="{reason}", path="data[0].x", from_=1, to=2)
    assert message.message == "data[0]: {reason}."
    assert message.values == {
        "place": "data[0]",
        "reason": "{reason}",
        "path": "data[0].x",
        "from": "1",
        "to": "2",
    }
