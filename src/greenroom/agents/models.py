"""From the setting `providers.model` to a model that pydantic-ai can run.

This module is cheap to import; what makes a model imports pydantic-ai, which takes half a second:
call it off the event loop.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from greenroom.errors import ProviderUnavailable

if TYPE_CHECKING:
    from pydantic_ai.models import Model
    from pydantic_ai.providers import Provider

    from greenroom.agents.model_chain import ModelChain
    from greenroom.providers.clock import Clock

OFFLINE = "offline"

_SETTING = "providers.model"
_HELP = (
    "give `offline`, or a pydantic-ai model name such as `openai:gpt-5.2`, "
    "`anthropic:claude-sonnet-4-5`, or `openai-chat:<model>?base_url=<URL>&key=none` for any "
    "OpenAI-compatible server"
)
_OPTIONS = ("base_url", "key")
_NO_KEY = "none"
_KEYS = {
    "azure": "AZURE_OPENAI_API_KEY",
    "cohere": "CO_API_KEY",
    "huggingface": "HF_TOKEN",
}
"""The variables of keys that aren't called after the first word of the provider's name."""

Secret = Callable[[str], str | None]
"""A key by the name of the variable that would hold it."""


def create_model(setting: str, secret: Secret = os.environ.get) -> Model:
    """The model that `setting` names: `offline`, or `<provider>:<model>?base_url=<URL>&key=<NAME>`.

    Both options may be left out: `key` is the name under which `secret` knows the key (by default
    the provider's own, such as OPENAI_API_KEY), or `none` for a server that asks for none. Raises
    ProviderUnavailable for an unknown name, a missing key or a missing package.
    """
    import pydantic_ai  # noqa: PLC0415 - heavy; the server may listen before it is loaded
    from pydantic_ai.exceptions import UserError  # noqa: PLC0415
    from pydantic_ai.models import infer_model  # noqa: PLC0415

    pydantic_ai.BANNER_ENABLED = False  # it would be printed into the server's log
    if setting == OFFLINE:
        from greenroom.agents.offline import OfflineModel  # noqa: PLC0415

        return OfflineModel()
    name, options = _parsed(setting)
    arguments = _arguments(name, options, secret)
    try:
        if arguments:
            return infer_model(name, lambda provider: _provider(name, provider, arguments))
        return infer_model(name)
    except ProviderUnavailable:
        raise
    except UserError as error:
        problem = str(error).partition(". ")[0]
        raise ProviderUnavailable(_SETTING, f"{problem}; {_HELP}") from error
    except ImportError as error:
        package = name.partition(":")[0].partition("-")[0]
        raise ProviderUnavailable(
            _SETTING,
            f"{name!r} needs a package that is not installed: "
            f"pip install 'pydantic-ai-slim[{package}]'",
        ) from error
    except ValueError as error:
        raise ProviderUnavailable(_SETTING, f"{name!r} is no model; {_HELP}") from error
    except Exception as error:  # each vendor's package has errors of its own
        problem = str(error).partition(". ")[0]
        raise ProviderUnavailable(_SETTING, f"{name!r}: {problem}; {_HELP}") from error


def create_model_chain(
    settings: Sequence[str],
    *,
    secret: Secret = os.environ.get,
    retries: int,
    first_token_timeout: float,
    recovery_interval: float,
    clock: Clock,
) -> ModelChain:
    """The models that `settings` name as one, the preferred one first; see `ModelChain`.

    Raises ProviderUnavailable, as `create_model`, if any of them can't be used.
    """
    from greenroom.agents.model_chain import ModelChain  # noqa: PLC0415 - heavy, as above

    return ModelChain(
        [(setting, create_model(setting, secret)) for setting in settings],
        retries=retries,
        first_token_timeout=first_token_timeout,
        recovery_interval=recovery_interval,
        clock=clock,
    )


def _parsed(setting: str) -> tuple[str, dict[str, str]]:
    """The model's name and the options; messages never repeat a value, which might be a key."""
    name, _, query = setting.partition("?")
    try:
        options = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    except ValueError:
        options = {"": ""}
    if unknown := options.keys() - set(_OPTIONS):
        raise ProviderUnavailable(
            _SETTING, f"{name}: no option {min(unknown)!r}; allowed: {', '.join(_OPTIONS)}"
        )
    if "base_url" in options:
        parts = urlsplit(options["base_url"])
        if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
            raise ProviderUnavailable(
                _SETTING, f"{name}: base_url is a URL such as http://127.0.0.1:1234/v1"
            )
    return name, options


def _arguments(name: str, options: dict[str, str], secret: Secret) -> dict[str, str]:
    """What is given to the provider's constructor."""
    arguments = {"base_url": options["base_url"]} if "base_url" in options else {}
    first = name.partition(":")[0].partition("-")[0]
    wanted = options.get("key", _KEYS.get(first, f"{first.upper()}_API_KEY"))
    key = "no-key-is-needed" if wanted == _NO_KEY else (secret(wanted) or "").strip()
    if key:
        arguments["api_key"] = key
    elif "key" in options:
        raise ProviderUnavailable(
            _SETTING,
            f"{name}: there is no key: set the variable that `key` names, in the environment or "
            f"under [providers.keys]; for a server without keys give key={_NO_KEY}",
        )
    return arguments


def _provider(name: str, provider: str, arguments: dict[str, str]) -> Provider[Any]:
    from pydantic_ai.providers import infer_provider, infer_provider_class  # noqa: PLC0415

    if provider.startswith("gateway/"):
        made: Callable[..., Provider[Any]] = infer_provider
        made_of: set[str] = set()
    else:
        made = infer_provider_class(provider)
        made_of = set(inspect.signature(made).parameters)
    if "base_url" in arguments and "base_url" not in made_of:
        raise ProviderUnavailable(_SETTING, f"{name}: this provider takes no base_url")
    taken = {key: value for key, value in arguments.items() if key in made_of}
    return made(**taken) if taken else infer_provider(provider)
