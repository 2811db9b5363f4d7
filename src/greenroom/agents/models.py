"""From the setting `providers.model` to a model that pydantic-ai can run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenroom.errors import ProviderUnavailable

if TYPE_CHECKING:
    from pydantic_ai.models import Model

OFFLINE = "offline"

_SETTING = "providers.model"
_HELP = (
    "give `offline`, or a pydantic-ai model name such as `openai:gpt-5.2`, "
    "`anthropic:claude-sonnet-4-5`, or `openai-chat:<model>` with OPENAI_BASE_URL for any "
    "OpenAI-compatible server"
)


def create_model(setting: str) -> Model:
    """The model that `setting` names; keys and base URLs come from the provider's environment.

    Imports pydantic-ai, which takes half a second: call it off the event loop. Raises
    ProviderUnavailable for an unknown name, a missing key or a missing package.
    """
    import pydantic_ai  # noqa: PLC0415 - heavy; the server may listen before it is loaded
    from pydantic_ai.exceptions import UserError  # noqa: PLC0415
    from pydantic_ai.models import infer_model  # noqa: PLC0415

    pydantic_ai.BANNER_ENABLED = False  # it would be printed into the server's log
    if setting == OFFLINE:
        from greenroom.agents.offline import OfflineModel  # noqa: PLC0415

        return OfflineModel()
    try:
        return infer_model(setting)
    except UserError as error:
        problem = str(error).partition(". ")[0]
        raise ProviderUnavailable(_SETTING, f"{problem}; {_HELP}") from error
    except ImportError as error:
        package = setting.partition(":")[0].partition("-")[0]
        raise ProviderUnavailable(
            _SETTING,
            f"{setting!r} needs a package that is not installed: "
            f"pip install 'pydantic-ai-slim[{package}]'",
        ) from error
    except ValueError as error:
        raise ProviderUnavailable(_SETTING, f"{setting!r} is no model; {_HELP}") from error
    except Exception as error:  # each vendor's package has errors of its own
        problem = str(error).partition(". ")[0]
        raise ProviderUnavailable(_SETTING, f"{setting!r}: {problem}; {_HELP}") from error
