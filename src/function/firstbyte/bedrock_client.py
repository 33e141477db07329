"""Makes the client for Bedrock. It is botocore's, but made without reading what other services need."""

import logging
import os
from typing import Any

import botocore.session
from botocore.config import Config as ClientConfig
from botocore.credentials import CredentialResolver, EnvProvider
from botocore.loaders import Loader

from firstbyte.config import Config
from firstbyte.event_parser import EventParserFactory

# Bedrock's endpoint is in the same region, so this is plenty. A longer wait for a lost packet delays the first byte.
_CONNECT_TIMEOUT_SECONDS = 2


def create_client(config: Config) -> Any:
    """Return a `bedrock-runtime` client.

    botocore makes it. boto3 would add some 80 ms to a cold start and nothing else.

    Args:
        config: the region, and how many seconds the model may stay silent.
    """
    # Below WARNING it logs what requests and answers hold. A function's log level is meant for its own lines.
    logging.getLogger("botocore").setLevel(max(logging.getLogger().level, logging.WARNING))
    session = botocore.session.get_session()
    session.register_component("response_parser_factory", EventParserFactory())
    # botocore's own loader knows the folders of AWS_DATA_PATH.
    folders = session.get_component("data_loader").search_paths
    session.register_component("data_loader", _DataLoader(folders, include_default_search_paths=False))
    if os.environ.get(EnvProvider.ACCESS_KEY):
        # botocore would find them there first, too, but make clients for all other places before it looks.
        session.register_component("credential_provider", CredentialResolver([EnvProvider()]))
    return session.create_client(
        "bedrock-runtime",
        region_name=config.region,
        config=ClientConfig(
            # A retry would hide a throttle from the figures and from the client. The fallback model is the retry.
            retries={"total_max_attempts": 1},
            connect_timeout=_CONNECT_TIMEOUT_SECONDS,
            read_timeout=config.model_idle_timeout_seconds,
            tcp_keepalive=True,
        ),
    )


class _DataLoader(Loader):  # type: ignore[misc]
    """Loads botocore's data files, without two detours that take most of the time and say nothing about Bedrock.

    A loader and its methods are documented: https://docs.aws.amazon.com/botocore/latest/reference/loaders.html
    """

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - botocore gives it
        """Return the names of the folders, each of which may have data of a service.

        botocore looks into each of the more than 400 folders, twice for each client. But it uses the list only for the
        words of an error: that it does not know a service, and which ones it knows.
        """
        folders = filter(os.path.isdir, self.search_paths)
        return sorted({name for folder in folders for name in os.listdir(folder)})  # noqa: PTH208 - Path is slower

    def load_data_with_path(self, name: str) -> tuple[Any, str]:
        """Return the content of a file and its path.

        The file `endpoints` has more than 1 MB about all services, but nothing about `bedrock-runtime`: for such a
        service botocore takes the partition's rules from it. They follow from `partitions`, which is small.
        For requests, botocore asks Bedrock's own rules about endpoints, which are left as they are.
        """
        if name != "endpoints":
            return super().load_data_with_path(name)  # type: ignore[no-any-return]
        content, path = super().load_data_with_path("partitions")
        return {"partitions": [_naming_rules(partition) for partition in content["partitions"]]}, path


def _naming_rules(partition: dict[str, Any]) -> dict[str, Any]:
    """Return a partition in the form of `endpoints`, with the rules for services that are not listed there."""
    suffix = {"dnsSuffix": partition["outputs"]["dnsSuffix"]}
    dual_stack_suffix = {"dnsSuffix": partition["outputs"]["dualStackDnsSuffix"]}
    host, fips_host = ({"hostname": f"{{service}}{fips}.{{region}}.{{dnsSuffix}}"} for fips in ("", "-fips"))
    variants = [
        {"tags": ["fips"], **fips_host, **suffix},
        {"tags": ["dualstack"], **host, **dual_stack_suffix},
        {"tags": ["dualstack", "fips"], **fips_host, **dual_stack_suffix},
    ]
    return {
        "partition": partition["id"],
        "regions": partition["regions"],
        "regionRegex": partition["regionRegex"],
        **suffix,
        "defaults": {**host, "protocols": ["https"], "signatureVersions": ["v4"], "variants": variants},
        "services": {},
    }
