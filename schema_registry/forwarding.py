"""A follower's writes go to the leader, as they came, and its answer comes back.

In:  a request and the leader's URL. Out: the leader's answer; 50003 when it can't be reached.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from schema_registry.calls import Answer
from schema_registry.errors import RegistryError
from schema_registry.store import Store

if TYPE_CHECKING:
    import httpx

FORWARDED = b"x-penstock-forwarded"
PASSED_ON = (b"content-type", b"accept", b"authorization")
TIMEOUT_SECONDS = 30.0


class Forwarder:
    def __init__(self, store: Store, certificate: Path | None = None) -> None:
        self._store = store
        self._certificate = certificate
        self._made: httpx.AsyncClient | None = None

    async def forward(
        self, method: str, path: bytes, query: bytes, headers: Mapping[bytes, bytes], body: bytes
    ) -> Answer:
        leader = self._store.leader_url
        if not leader or FORWARDED in headers:
            raise RegistryError(50004, "No registry that writes is known here; this one serves reads only.")
        # A registry that leads, as most do, starts without the weight of an HTTP client.
        import httpx

        url = leader + path.decode("latin-1") + (f"?{query.decode('latin-1')}" if query else "")
        passed = {key: headers[key] for key in PASSED_ON if key in headers} | {FORWARDED: b"1"}
        try:
            found = await self._client().request(method, url, content=body, headers=passed)
        except httpx.HTTPError as error:
            raise RegistryError(
                50003, f"The registry that writes, {leader}, can't be reached: {error}"
            ) from error
        await asyncio.to_thread(self._store.catch_up)
        return Answer(found.status_code, found.content)

    async def close(self) -> None:
        if self._made is not None:
            await self._made.aclose()

    def _client(self) -> httpx.AsyncClient:
        if self._made is None:
            import httpx

            trusted = ssl.create_default_context(cafile=self._certificate)
            self._made = httpx.AsyncClient(timeout=TIMEOUT_SECONDS, verify=trusted)
        return self._made
