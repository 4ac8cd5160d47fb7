"""The one registry of messages: nothing else writes messages.

Each has a stable URN, a level and a template; calling it with the template's values (and, for a
refusal, a suggestion) makes a `Message`. The time is added when the message is stored.
"""

from string import Formatter
from typing import Final

from execution_broker.models.message import Level, Message

_URN: Final = "urn:execution-broker:message:"

REGISTRY: Final[dict[str, "Template"]] = {}


class Template:
    """A kind of message. `values` are the names its template needs."""

    def __init__(self, name: str, level: Level, text: str) -> None:
        self.kind = _URN + name
        self.level: Level = level
        self.text = text
        self.values = frozenset(field for _, field, _, _ in Formatter().parse(text) if field)
        REGISTRY[self.kind] = self

    def __call__(self, **values: object) -> Message:
        """The message with these values. Further values are a suggestion (`domain.suggesting`): set
        `path` to `to`, or with `op` = `remove` leave it out, and the fault is gone. `from_`, what
        is there now, is written as `from`. A `path` alone says where the fault is."""
        texts = {name.rstrip("_"): str(value) for name, value in values.items()}
        return Message(
            kind=self.kind,
            level=self.level,
            template=self.text,
            values=texts,
            message=self.text.format_map(texts),
        )


# --- Negotiation: why a request got a NO, each with what would make it a YES -------------------

UNKNOWN_KIND = Template(
    "unknown-kind",
    "ERROR",
    "{place} has the kind {kind}, which no platform here offers. Known: {known}.",
)
MISSING_PART = Template(
    "missing-part", "ERROR", "The request has no {part}. Add {part} to the request."
)
UNKNOWN_REFERENCE = Template(
    "unknown-reference",
    "ERROR",
    "{place} refers to {reference}, which is no {target} of this request. Known: {known}.",
)
AMBIGUOUS_REFERENCE = Template(
    "ambiguous-reference",
    "ERROR",
    "{place} refers to {reference}, a name that {count} components share. Use different names.",
)
REVERSED_RANGE = Template(
    "reversed-range",
    "ERROR",
    "{place} asks for at least {min} and at most {max}. Swap them, or leave out one.",
)
BAD_VALUE = Template("bad-value", "ERROR", "{place} is {value}: {reason}.")
UNKNOWN_CHECK = Template(
    "unknown-check",
    "ERROR",
    "{place} is no check that is made here, so that the content would go unverified. {hint}",
)
UNKNOWN_PROPERTY = Template(
    "unknown-property", "WARN", "{place} is not known here and has no effect. {hint}"
)
MORE_UNKNOWN = Template(
    "more-unknown", "WARN", "{count} more properties are not known here and have no effect."
)
NO_PLATFORM = Template(
    "no-platform", "ERROR", "No platform can take requests now: {reason}. Try again later."
)
UNSUPPORTED_KIND = Template(
    "unsupported-kind", "ERROR", "{platform} cannot run {place} of kind {kind}. It runs: {known}."
)
UNSUPPORTED_MODE = Template(
    "unsupported-mode", "ERROR", "{platform} runs {kind} only in mode {known}, not {mode}."
)
UNSUPPORTED_FEATURE = Template(
    "unsupported-feature",
    "ERROR",
    "{platform} does not offer {feature}, which {place} asks for. Leave it out.",
)
TOO_MUCH = Template(
    "too-much",
    "ERROR",
    "{place} asks for {wanted} {units} of {resource}; {platform} can give a session {limit} {units} at most.",
)
NO_SUCH_AMOUNT = Template(
    "no-such-amount",
    "ERROR",
    "{platform} counts no {name}, which {place} asks for. It has: {known}.",
)
TOO_LONG = Template(
    "too-long", "ERROR", "{place} asks for {wanted}; {platform} runs a session for {limit} at most."
)
NOT_ENOUGH_TIME = Template(
    "not-enough-time",
    "ERROR",
    "The start window closes {missing} too early for {platform}: preparing takes {prepare}, and an offer is held for at least {hold}.",
)
NO_CAPACITY = Template(
    "no-capacity", "ERROR", "{platform} has no room for this between {start} and {end}. {hint}"
)
HELD = Template(
    "held",
    "WARN",
    "{platform} could start this at {start}, but unanswered offers hold that until {until}. {remedy}",
)
TOO_EXPENSIVE = Template(
    "too-expensive", "ERROR", "{type} on {platform} can come to {quoted}, more than {limit}."
)
TOO_SLOW = Template(
    "too-slow", "ERROR", "{type} on {platform} is at least {quoted}, less than {limit}."
)
NOT_QUOTED = Template(
    "not-quoted",
    "ERROR",
    "{platform} does not quote {type}, so the limit on it cannot be promised. Leave it out.",
)
AGAINST_POLICY = Template(
    "against-policy",
    "ERROR",
    "{place} is {value}, which the policy of {platform} does not allow. {accepted}",
)
NOT_SIMULATED = Template(
    "not-simulated",
    "ERROR",
    "No platform here can {what} this. {remedy}",
)
NOT_ALLOWED = Template("not-allowed", "ERROR", "{place}: {reason}.")
UNREACHABLE = Template("unreachable", "ERROR", "{place} at {location} cannot be read: {reason}.")
BUDGET_USED = Template(
    "budget-used",
    "ERROR",
    "You hold {held} {resource} in unanswered offers, and {limit} is the most. Accept or reject some, or wait until they expire.",
)
CAPPED = Template(
    "capped", "WARN", "{place} asks for up to {wanted}; {platform} offers up to {limit}."
)
SIMULATED = Template(
    "simulated",
    "WARN",
    "{platform} runs nothing: this session and everything it results in are simulated.",
)
FLAVOUR = Template(
    "flavour",
    "INFO",
    "{platform} has fixed sizes: {flavour} is {cores} cores and {memory} GiB of memory.",
)
DEFAULTED = Template("defaulted", "INFO", "{place} was not given: {value} is assumed.")
SIZE_ASSUMED = Template(
    "size-assumed", "WARN", "The size of {place} is not known: {assumed} to stage it is assumed."
)

# --- The life of a session ----------------------------------------------------------------------

STEP_FAILED = Template("step-failed", "ERROR", "{step} failed: {reason}.")
STEP_GAVE_UP = Template("step-gave-up", "ERROR", "{step} failed {attempts} times, last: {reason}.")
TRIED_AGAIN = Template("tried-again", "WARN", "{step} failed: {reason}. It is tried again {until}.")
STEP_LOST = Template(
    "step-lost", "ERROR", "{step} was given up after its workers were lost {lapses} times."
)
WAITS_FOR_START = Template(
    "waits-for-start", "INFO", "Everything is ready. It starts at {start}, as was promised."
)
WAITS_FOR_ROOM = Template(
    "waits-for-room",
    "INFO",
    "Everything is ready. It starts from {earliest} on as soon as there is room, and at {start} at"
    " the latest.",
)
STARTED_LATE = Template(
    "started-late",
    "WARN",
    "Started {late} later than promised. There is no room after its end, which stays at {end}.",
)
POSTPONED = Template(
    "postponed",
    "WARN",
    "Started {late} later than promised. There was room after its end, so that it ends later, too: at {end}.",
)
TOO_LATE = Template("too-late", "ERROR", "It had not started by {end}, its promised end: {reason}.")
TIME_ENDED = Template(
    "time-ended", "WARN", "Stopped at the end of its time, {end}, as nobody had ended it before."
)
UNSEEN = Template(
    "unseen",
    "WARN",
    "Its platform had not answered by {until}, {grace} after the end of its time: how far it came is not known.",
)
CUT_OFF = Template(
    "cut-off",
    "ERROR",
    "Stopped at the end of its time, {end}, before it had finished. Ask for a longer duration, or lengthen it while it runs.",
)
NOT_PROLONGED = Template(
    "not-prolonged",
    "ERROR",
    "Stopped at the end it had before, {end}: nobody told the platform in time that it was changed.",
)
FINISHED = Template("finished", "INFO", "The executable finished after {elapsed}.")
EXIT_STATUS = Template("exit-status", "ERROR", "The executable ended with status {status}. {hint}")
LOST = Template("lost", "ERROR", "The executable is gone, and how it ended is not known. {hint}")
CHANGED = Template("changed", "INFO", "{path} was changed from {before} to {after} {units}.")
RENAMED = Template("renamed", "INFO", "{path} was changed.")
CANCELLED_BY = Template("cancelled-by", "INFO", "Cancelled by {who}.")
OFFER_EXPIRED = Template("offer-expired", "INFO", "The offer was not accepted before {expires}.")
SIBLING_ACCEPTED = Template(
    "sibling-accepted", "INFO", "Another offer of the same set was accepted."
)
RELEASE_FAILED = Template("release-failed", "ERROR", "Releasing {component} failed: {reason}.")
GIVEN_UP = Template(
    "given-up",
    "WARN",
    "An operator took this as released without its platform's answer. What may be left: {components}.",
)
ENVIRONMENT_FAILED = Template(
    "environment-failed", "ERROR", "The environment for notebooks cannot be used: {reason}."
)
REQUIREMENTS_FAILED = Template(
    "requirements-failed", "ERROR", "The requirements cannot be installed: {reason}."
)
SERVER_FAILED = Template("server-failed", "ERROR", "The Jupyter server did not start: {reason}.")
IDLE_WARNING = Template("idle-warning", "WARN", "Nothing has been done in it for {idle}. {then}")
IDLE_ENDED = Template(
    "idle-ended", "WARN", "Ended after {idle} without any activity: that is the most here."
)
TOO_MUCH_MEMORY = Template(
    "too-much-memory",
    "ERROR",
    "Stopped, as its {processes} processes used {used} MiB of memory: {limit} MiB are booked. Ask for more memory, or use less.",
)
TOO_MANY_PROCESSES = Template(
    "too-many-processes",
    "ERROR",
    "Stopped, as it had {used} processes and threads: {limit} are the most here.",
)
INPUT_CHANGED = Template(
    "input-changed",
    "ERROR",
    "{file} is read-only, but was changed while the session ran: {reason}.",
)
NOT_A_NOTEBOOK = Template(
    "not-a-notebook", "ERROR", "{file} is no Jupyter notebook that can be run: {reason}."
)
OTHER_LANGUAGE = Template(
    "other-language",
    "ERROR",
    "{file} is a notebook in the language {language}; {platform} runs those in {known}.",
)
PLATFORM_FAILED = Template("platform-failed", "ERROR", "{what} failed: {reason}.")

# --- Data ---------------------------------------------------------------------------------------

STAGED = Template("staged", "INFO", "{file}: {size} bytes staged in {elapsed}.")
REUSED = Template(
    "reused", "INFO", "{file}: the content with sha256 {sha256} was here already and is reused."
)
PROGRESS = Template("progress", "INFO", "{done} of {total} {units}.")
CODING_UNDONE = Template(
    "coding-undone",
    "WARN",
    "{file} came encoded with {coding}, which nobody had asked for: it was decoded.",
)
CODING_KEPT = Template(
    "coding-kept",
    "WARN",
    "{file} came encoded with {coding} and was kept so: its checks are those of the encoded form.",
)
CODING_OWN = Template(
    "coding-own", "INFO", "{file} is marked as encoded with {coding}: kept as it came, as {reason}."
)
UNEXPECTED_PAGE = Template(
    "unexpected-page",
    "WARN",
    "{file} is a web page (HTML), which nobody seems to expect: a page to sign in, or an error, perhaps. See in a browser what {location} is, or give the sha256 of the file.",
)
SOURCE_NOT_READY = Template(
    "source-not-ready",
    "INFO",
    "{file} is being made ready at its source (202 Accepted): it is asked again until it is there.",
)
FETCHED_ELSEWHERE = Template(
    "fetched-elsewhere", "INFO", "{file}: another session is fetching the same content: it waits."
)
CHECKSUM_MISMATCH = Template(
    "checksum-mismatch", "ERROR", "{file}: expected {algorithm} {expected}, found {found}."
)
SIZE_MISMATCH = Template(
    "size-mismatch", "ERROR", "{file}: expected {expected} bytes, found {found}."
)
OTHER_CONTENT = Template(
    "other-content",
    "ERROR",
    "{file} is here already with other content: expected {algorithm} {expected}, found {found}. Ask for replace to overwrite it.",
)
SOURCE_FAILED = Template("source-failed", "ERROR", "{location} could not be read: {reason}.")
ADDRESS_REFUSED = Template(
    "address-refused",
    "ERROR",
    "{location} is at {address}, a private address that is not allowed here. {remedy}",
)
NO_SPACE = Template("no-space", "ERROR", "{file} needs {needed} bytes and {free} are free.")
ROOM_USED = Template(
    "room-used",
    "ERROR",
    "{file} needs {needed} bytes, and {left} are left of {room}. {remedy}",
)
UNWRITABLE = Template("unwritable", "ERROR", "{file} cannot be put in its place: {reason}.")
NOT_CACHED = Template(
    "not-cached", "DEBUG", "{file} is in place, but not kept for other sessions: {reason}."
)
OUTPUTS_TOO_LARGE = Template(
    "outputs-too-large",
    "WARN",
    "The outputs are larger than the {limit} MiB that are kept: {dropped} were left out.",
)
OUTPUTS_LEFT_OUT = Template(
    "outputs-left-out", "WARN", "Not kept of the outputs: {dropped}. The reason: {reason}."
)
OUTPUTS_KEPT = Template(
    "outputs-kept", "INFO", "{count} outputs, {size} bytes in all, are kept until {until}."
)
OUTPUT_CUT = Template(
    "output-cut",
    "WARN",
    "{stream} is longer than is kept: {dropped} bytes in its middle were left out.",
)
