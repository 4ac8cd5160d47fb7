"""What an operator sets is used, and what is wrong is named with its key and a remedy."""

from pathlib import Path

import pytest

from execution_broker import config
from execution_broker.domain.errors import ConfigurationError, ConfigurationFaults


def write(directory: Path, text: str) -> Path:
    file = directory / "broker.toml"
    file.write_text(text)
    return file


def test_no_file_is_needed(tmp_path: Path) -> None:
    settings = config.load(None, {"XDG_DATA_HOME": str(tmp_path)})
    assert settings.data_directory == tmp_path / "execution-broker"
    assert settings.http.listen == "127.0.0.1:8080"
    assert set(settings.platforms) == {"local", "simulated"}
    assert {"http", "file"} <= set(settings.transfers)


def test_the_environment_goes_over_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, 'data_directory = "/x"\n[http]\nlisten = "127.0.0.1:1"\n')
    environment = {
        "BROKER__HTTP__LISTEN": "127.0.0.1:2",
        "BROKER__NEGOTIATION__HOLD": "60",
        "BROKER__TRANSFERS__HTTP__ALLOW": '["127.0.0.1/32"]',
    }
    settings = config.load(file, environment)
    assert settings.http.listen == "127.0.0.1:2"
    assert settings.negotiation.hold == 60
    assert settings.transfers["http"].allow == ("127.0.0.1/32",)


def test_a_secret_can_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://broker:secret@db/broker\n")
    file = write(tmp_path, f'[database]\nurl_file = "{secret}"\n')
    assert config.load(file, {}).database.url == "postgresql://broker:secret@db/broker"


def test_a_platform_has_a_name_and_a_plugin(tmp_path: Path) -> None:
    file = write(tmp_path, '[platforms.small]\nplugin = "scripted"\ncores = 1\n')
    entry, section = config.load(file, {}).platforms["small"]
    assert (entry, section.cores) == ("scripted", 1)


@pytest.mark.parametrize(
    ("text", "key", "remedy"),
    [
        ("[http]\nlitsen = 1\n", "http.litsen", "listen"),
        ("bogus = 1\n", "bogus", "data_directory"),
        ("[http]\nbody_limit = -1\n", "http.body_limit", ""),
        ("[http]\ntrusted_proxies = ['nginx']\n", "http.trusted_proxies", "192.0.2.0/24"),
        ("[http]\ntrusted_proxies = ['10.0.0.1/8']\n", "http.trusted_proxies", "192.0.2.0/24"),
        ("[negotiation]\noffers = 5\n", "negotiation.offers", ""),
        ("[worker]\nlease = 10\nrenewal = 9\n", "worker.renewal", "less than half"),
        ("[platforms.x]\nplugin = 'none'\n", "platforms.x", "Installed are"),
        ("[platforms.x]\nplugin = 'scripted'\ncorse = 1\n", "platforms.x.corse", "cores"),
        ("[transfers.gopher]\n", "transfers.gopher", "Installed are"),
        ("[transfers.http]\nalow = []\n", "transfers.http.alow", "allow"),
        ("[database]\nurl_file = '/does/not/exist'\n", "database.url_file", "may read"),
        ("[http\n", "is not TOML", "Correct"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, key: str, remedy: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        config.load(write(tmp_path, text), {})
    assert key in refused.value.sentence
    assert remedy in refused.value.remedy


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    text = """
bogus = 1
[http]
litsen = "127.0.0.1:1"
body_limit = -1
trusted_proxies = ["nginx"]
[worker]
lease = 10
renewal = 9
[identity.issuers.iam]
url = "http://elsewhere.example"
audience = ["urn:eb"]
[identity.issuers.other]
url = "https://other.example"
audiences = []
[database]
url_file = "/does/not/exist"
[platforms.x]
plugin = "scripted"
corse = 1
prices = [{type = 5}]
[transfers.gopher]
[transfers.http]
alow = []
"""
    with pytest.raises(ConfigurationFaults) as refused:
        config.load(write(tmp_path, text), {})
    told = [fault.sentence for fault in refused.value.faults]
    for key in (
        "bogus",
        "http.litsen",
        "http.body_limit",
        "worker.renewal",
        "identity.issuers.iam.url",
        "identity.issuers.iam.audience",
        "identity.issuers.other.audiences",
        "database.url_file",
        "platforms.x.corse",
        "platforms.x.prices[0].type",
        "transfers.gopher",
        "transfers.http.alow",
    ):
        assert any(sentence.startswith(key) for sentence in told), (key, told)
    assert len(told) == len(set(told))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        config.load(tmp_path / "none.toml", {})


def test_an_environment_key_below_a_value_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path, 'data_directory = "/x"\n')
    with pytest.raises(ConfigurationError, match="data_directory"):
        config.load(file, {"BROKER__DATA_DIRECTORY__X": "1"})


def test_every_platform_has_a_policy_and_prices(tmp_path: Path) -> None:
    hours = tmp_path / "carbon.txt"
    hours.write_text("\n".join(f"{hour}.5," for hour in range(24)))
    file = write(
        tmp_path,
        f"""
        [platforms.small]
        plugin = "scripted"
        cores = 1
        policy = {{images = {{allowed = ["a/**"]}}, cores = {{most = 3, over = "refuse"}}}}
        [[platforms.small.prices]]
        type = "urn:carbon"
        by_hour_file = "{hours}"
        """,
    )
    settings = config.load(file, {})
    rules = settings.sites["small"]
    assert rules.policy.images.allowed == ("a/**",)
    assert rules.policy.cores
    assert (rules.policy.cores.most, rules.policy.cores.over) == (3, "refuse")
    assert rules.prices
    assert rules.prices[0].by_hour == tuple(hour + 0.5 for hour in range(24))
    assert settings.platforms["small"][1].cores == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("policy = {image = 1}", r"platforms\.small\.policy\.image is not a key"),
        ("policy = {internal_ports = [[0, 1]]}", r"platforms\.small\.policy"),
        ('policy = {cores = {most = 1, over = "drop"}}', r"platforms\.small\.policy\.cores\.over"),
        ('prices = [{type = "a", by_hour = [1]}]', r"by_hour needs 24 numbers"),
        ('prices = [{type = "a", per_session = -1}]', r"platforms\.small\.prices"),
        ("idle_warning = 60\nidle_end = 60", r"idle_end has to be later than idle_warning"),
        ('prices = [{type = "a", by_hour_file = "/nowhere"}]', r"prices\[0\]\.by_hour_file"),
    ],
)
def test_a_wrong_policy_or_price_is_named(tmp_path: Path, text: str, told: str) -> None:
    file = write(tmp_path, f'[platforms.small]\nplugin = "scripted"\n{text}\n')
    with pytest.raises(ConfigurationError, match=told):
        config.load(file, {})
