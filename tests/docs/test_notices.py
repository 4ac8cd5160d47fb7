"""What a page says to who receives a notice is true of what is sent."""

import re
import time
from pathlib import Path
from typing import Any

from execution_broker.notices.webhook import signed

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "be-told.md"
SECRET = "whsec_c2VjcmV0LW9mLXRoZS1leGFtcGxlLW9mLWEtcGFnZQ=="
BODY = b'{"type":"session.ready"}'


def test_a_receiver_can_tell_what_is_genuine() -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
    shown: dict[str, Any] = {}
    exec(code, shown)
    is_genuine, now = shown["is_genuine"], int(time.time())
    headers = signed(SECRET, "one", now, BODY)
    assert is_genuine(SECRET, headers, BODY)
    assert not is_genuine(SECRET, headers, BODY + b" ")
    assert not is_genuine(SECRET, {**headers, "webhook-id": "two"}, BODY)
    assert not is_genuine("whsec_b3RoZXI=", headers, BODY)
    assert not is_genuine(SECRET, signed(SECRET, "one", now - 3600, BODY), BODY)
