"""A Temporal worker whose token is renewed while it runs, from a file such as
the one that `jwtctl token --refresh` keeps."""

import asyncio
import base64
import json
import logging
import os
import signal
from datetime import timedelta
from pathlib import Path

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker


@activity.defn(name="Activity")
async def greet(name: str) -> str:
    return f"Hello {name}!"


@workflow.defn(name="Workflow")
class Greeting:
    @workflow.run
    async def run(self, name: str) -> str:
        return await workflow.execute_activity(
            greet, name, start_to_close_timeout=timedelta(seconds=10)
        )


def key_id(token: str) -> str:
    """Returns the key ID in a token's header, for the log: never the token itself."""
    header = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"]


async def keep_token(client: Client, file: Path, token: str) -> None:
    """Gives the client the file's token whenever it changes."""
    while True:
        await asyncio.sleep(0.5)
        try:
            new = file.read_text().strip()
            if new == token:
                continue
            client.rpc_metadata = {"authorization": "Bearer " + new}
            token = new
            logging.info("new token, kid=%s", key_id(token))
        except OSError as err:
            logging.warning("making a new token failed, keeping the old one: %s", err)


async def main() -> None:
    logging.basicConfig(level=logging.INFO)
    file = Path(os.environ["TOKEN_FILE"])
    token = file.read_text().strip()
    logging.info("new token, kid=%s", key_id(token))
    client = await Client.connect(
        os.environ["TEMPORAL_ADDRESS"], rpc_metadata={"authorization": "Bearer " + token}
    )
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    keeper = asyncio.create_task(keep_token(client, file, token))
    async with Worker(client, task_queue="jwtctl-greeting", workflows=[Greeting], activities=[greet]):
        logging.info("worker started")
        await stop.wait()
        # The SDK may wait for its long polls, for up to a minute.
        asyncio.get_running_loop().call_later(5, os._exit, 0)
    keeper.cancel()


if __name__ == "__main__":
    asyncio.run(main())
    # Threads of the SDK outlive the worker, and may abort an interpreter that
    # is shutting down (temporalio/sdk-python#300), so end without that.
    logging.shutdown()
    os._exit(0)
