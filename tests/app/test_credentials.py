from pathlib import Path

import pytest
from pydantic import SecretStr

from greenroom.app.credentials import provider_secrets, resolve_credentials
from greenroom.errors import ConfigurationError
from greenroom.settings import AuthSettings, ProviderSettings, ServerSettings, Settings


def settings(data_dir: Path, host: str = "127.0.0.1", **given: object) -> Settings:
    return Settings(data_dir=data_dir, server=ServerSettings(host=host), **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_development_credentials_work_on_a_loopback_bind(data_dir: Path, host: str) -> None:
    credentials = resolve_credentials(settings(data_dir, host), has_stored_keys=False)
    assert credentials.api_keys == ("test-api-key-123",)
    assert (credentials.livekit_key, credentials.livekit_secret) == ("devkey", "secret")
    assert credentials.development


def test_the_environment_renames_the_development_key(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_API_KEY", "another")
    assert resolve_credentials(settings(data_dir), has_stored_keys=False).api_keys == ("another",)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "example.com"])
def test_another_bind_refuses_to_start_without_a_real_api_key(data_dir: Path, host: str) -> None:
    with pytest.raises(ConfigurationError, match="greenroom keys create"):
        resolve_credentials(settings(data_dir, host), has_stored_keys=False)


def test_another_bind_refuses_the_development_key_as_a_real_one(data_dir: Path) -> None:
    given = AuthSettings(api_key=SecretStr("test-api-key-123"))
    with pytest.raises(ConfigurationError, match="not a real one"):
        resolve_credentials(settings(data_dir, "0.0.0.0", auth=given), has_stored_keys=False)


@pytest.mark.parametrize("pair", [None, ("devkey", "secret")])
def test_another_bind_refuses_livekits_development_pair(
    data_dir: Path, pair: tuple[str, str] | None
) -> None:
    given = {"livekit_api_key": pair[0], "livekit_api_secret": pair[1]} if pair else {}
    with pytest.raises(ConfigurationError, match="LIVEKIT_API_KEY"):
        resolve_credentials(settings(data_dir, "0.0.0.0", **given), has_stored_keys=True)


def test_another_bind_starts_with_real_ones_and_without_the_development_key(data_dir: Path) -> None:
    real = settings(
        data_dir,
        "0.0.0.0",
        auth=AuthSettings(api_key=SecretStr("a-real-key")),
        livekit_api_key="APIabc",
        livekit_api_secret="a-real-secret",
    )
    credentials = resolve_credentials(real, has_stored_keys=False)
    assert credentials.api_keys == ("a-real-key",)
    assert credentials.livekit_key == "APIabc"
    assert not credentials.development


def test_another_bind_starts_without_an_api_key_where_all_that_is_served_is_said_to_be_open(
    data_dir: Path,
) -> None:
    def settings_of(*apis: str) -> Settings:
        return Settings(
            data_dir=data_dir,
            server={"host": "0.0.0.0", "apis": apis},  # type: ignore[arg-type]
            orchestrator={"allow_anonymous": True},  # type: ignore[arg-type]
            livekit_api_key=SecretStr("APIabc"),
            livekit_api_secret=SecretStr("a-real-secret"),
        )

    assert not resolve_credentials(settings_of("orchestrator"), has_stored_keys=False).api_keys
    with pytest.raises(ConfigurationError, match="greenroom keys create"):
        resolve_credentials(settings_of("orchestrator", "commerce"), has_stored_keys=False)


def test_half_a_livekit_pair_is_refused_everywhere(data_dir: Path) -> None:
    with pytest.raises(ConfigurationError, match="together or not at all"):
        resolve_credentials(settings(data_dir, livekit_api_key="APIabc"), has_stored_keys=False)


def test_the_signing_secret_is_made_once_and_kept_for_the_user_alone(data_dir: Path) -> None:
    first = resolve_credentials(settings(data_dir), has_stored_keys=False).jwt_secret
    again = resolve_credentials(settings(data_dir), has_stored_keys=False).jwt_secret
    assert first == again
    assert len(first) >= 32
    (file,) = data_dir.iterdir()
    assert file.stat().st_mode & 0o077 == 0


def test_a_signing_secret_from_the_settings_is_used_as_it_is(data_dir: Path) -> None:
    given = AuthSettings(jwt_secret=SecretStr("x" * 40))
    assert (
        resolve_credentials(settings(data_dir, auth=given), has_stored_keys=False).jwt_secret
        == "x" * 40
    )
    assert list(data_dir.iterdir()) == []


def test_no_secret_shows_in_a_repr(data_dir: Path) -> None:
    credentials = resolve_credentials(settings(data_dir), has_stored_keys=False)
    assert "secret" not in repr(credentials)
    assert "test-api-key-123" not in repr(credentials)


def test_a_providers_key_is_taken_from_the_settings_before_the_environment(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "of the environment")
    monkeypatch.setenv("DEEPGRAM_API_KEY", "of the environment")
    # A variable's name reaches the settings in small letters.
    keys = {"openai_api_key": SecretStr("of the settings")}
    secret = provider_secrets(Settings(data_dir=data_dir, providers=ProviderSettings(keys=keys)))
    assert secret("OPENAI_API_KEY") == "of the settings"
    assert secret("DEEPGRAM_API_KEY") == "of the environment"
    assert secret("CARTESIA_API_KEY") is None
