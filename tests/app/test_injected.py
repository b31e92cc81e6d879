"""What Kubernetes and Docker add to the environment of a job is neither a setting nor a mistake."""

import pytest

from iquest_review.app.injected import is_injected
from iquest_review.app.settings import SETTINGS, resolve_settings
from iquest_review.app.variables import describe_unknown_variables

KUBERNETES = {
    "SERVICE_HOST": "10.43.7.21",
    "SERVICE_PORT": "8000",
    "SERVICE_PORT_HTTP": "8000",
    "SERVICE_PORT_HTTP_METRICS": "9090",
    "PORT": "tcp://10.43.7.21:8000",
    "PORT_8000_TCP": "tcp://10.43.7.21:8000",
    "PORT_8000_TCP_PROTO": "tcp",
    "PORT_8000_TCP_PORT": "8000",
    "PORT_8000_TCP_ADDR": "10.43.7.21",
    "PORT_53_UDP": "udp://10.43.7.21:53",
    "PORT_53_UDP_ADDR": "10.43.7.21",
    "PORT_9000_SCTP": "sctp://[fd00::7]:9000",
    "PORT_9000_SCTP_PROTO": "sctp",
}
DOCKER = {
    "PORT_8000_TCP_START": "tcp://172.17.0.5:8000",
    "PORT_8000_TCP_END": "tcp://172.17.0.5:8010",
    "PORT_8000_TCP_PORT_START": "8000",
    "PORT_8000_TCP_PORT_END": "8010",
    "ENV_VLLM_API_KEY": "sk-" + "k3y0fth3m0d3l",
    "ENV_LANG": "C.UTF-8",
}


@pytest.mark.parametrize(
    "service",
    ["IQUEST", "IQUEST_MODEL", "IQUEST_API", "IQUEST_REVIEW", "IQUEST_MAX", "IQUEST_API_KEY", "IQUEST_MODEL_1"],
)
def test_variables_of_a_service_are_ignored_silently(service: str) -> None:
    environ = {f"{service}_{rest}": value for rest, value in (KUBERNETES | DOCKER).items()}
    environ[f"{service}_NAME"] = f"/runner-x1-project-7/{service.lower().replace('_', '-')}"

    assert [name for name in environ if not is_injected(name, environ)] == []
    assert list(describe_unknown_variables(environ)) == []
    assert resolve_settings({}, environ) == resolve_settings({}, {})


def test_a_setting_stays_beside_a_service_of_its_name() -> None:
    settings = {"IQUEST_MODEL": "m", "IQUEST_API_URL": "http://iquest-model:8000/v1", "IQUEST_MAX_LINES": "7"}
    services = {f"{name}_{rest}": value for name in settings for rest, value in (KUBERNETES | DOCKER).items()}

    found = resolve_settings({}, services | settings)

    assert (found.model, found.api_url, found.max_lines) == (*tuple(settings.values())[:2], 7)


def test_no_setting_but_the_older_model_name_could_be_injected() -> None:
    names = [variable for setting in SETTINGS for variable in setting.variables]
    value = dict.fromkeys(names, "tcp://10.43.7.21:8000")

    assert [name for name in names if is_injected(name, value)] == []
    assert [name for name in names if name.endswith(("_PORT", "_NAME", "_HOST"))] == ["MODEL_NAME"]


@pytest.mark.parametrize(
    ("environ", "model"),
    [
        ({"MODEL_NAME": "/runner-x1-project-7-concurrent-0/model"}, None),
        ({"MODEL_NAME": "/web/model", "MODEL_PORT": "tcp://172.17.0.5:8000"}, None),
        ({"MODEL_NAME": "/web/model", "MODEL_PORT_8000_TCP_ADDR": "172.17.0.5"}, None),
        ({"MODEL_NAME": "/web/model", "MODEL_ENV_LANG": "C.UTF-8"}, None),
        ({"MODEL_NAME": "/models/model"}, "/models/model"),
        ({"MODEL_NAME": "/models/qwen", "MODEL_PORT": "tcp://172.17.0.5:8000"}, "/models/qwen"),
        ({"MODEL_NAME": "qwen", "MODEL_PORT": "tcp://172.17.0.5:8000"}, "qwen"),
        ({"MODEL_NAME": "/models/model", "MODEL_PORT": "8000"}, "/models/model"),
        ({"MODEL_NAME": "/web/model", "MODEL_PORT": "tcp://172.17.0.5:8000", "IQUEST_MODEL": "m"}, "m"),
    ],
    ids=["runner", "port", "address", "environment", "path", "other path", "name", "own port", "beside the setting"],
)
def test_a_link_called_model_names_no_model(environ: dict[str, str], model: str | None) -> None:
    assert resolve_settings({}, environ).model == model


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("IQUEST_PORT", "8000"),
        ("IQUEST_MODEL_NAME", "/models/qwen"),
        ("IQUEST_MODEL_NAME", "qwen"),
        ("IQUEST_MODEL_HOST", "10.43.7.21"),
        ("IQUEST_SERVICE", "on"),
        ("IQUEST_PORTS", "tcp://10.43.7.21:8000"),
        ("IQUEST_MODEL_PORT_8000", "tcp://10.43.7.21:8000"),
        ("IQUEST_ENV", "production"),
    ],
)
def test_a_name_that_people_may_choose_is_not_injected(name: str, value: str) -> None:
    assert not is_injected(name, {name: value})
    assert len(list(describe_unknown_variables({name: value}))) == 1
