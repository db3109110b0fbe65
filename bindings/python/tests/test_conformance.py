"""The agent's SDK holds the store to its own contracts."""

import os

import anyio
import pytest
from claude_agent_sdk.testing import run_session_store_conformance
from support import BACKENDS, Isolated, place


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("is_away", [False, True])
def test_every_contract(tmp_path, backend, is_away):
    if is_away and "STORE_ADAPTER" in os.environ:
        pytest.skip("a server is not taken away")
    where = place(tmp_path)
    if is_away:
        where.go_away()
    stores = []

    def make_store():
        stores.append(Isolated(where, while_away="local" if is_away else "error"))
        return stores[-1]

    async def run():
        await run_session_store_conformance(make_store)
        for store in stores:
            await store.aclose(timeout=0 if is_away else 30)

    anyio.run(run, backend=backend)
    # One of them asks which methods there are; the contracts are fourteen.
    assert len(stores) >= 14
