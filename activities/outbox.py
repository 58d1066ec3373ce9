"""Sending mail, as an activity: long, heartbeating, and handed on when its worker ends."""

import asyncio
from datetime import timedelta

from temporalio import activity

from activities.ports import Dispatcher, Dispatchers
from domain.outbox.messages import Ending, Progress, Share, Turn

PATIENCE = 10.0
"""Seconds that a conversation with the relay gets to finish; less than a worker's drain."""

TURN = timedelta(hours=1)
"""How long one dispatcher keeps a share, so that the story an operator reads is no older."""

BEAT = 1.0  # seconds


class OutboxActivities:
    """The activities of the workflow `Outbox`. Any number may run at once, also of one share:
    the database decides which dispatcher sends what."""

    def __init__(
        self,
        dispatchers: Dispatchers,
        *,
        turn: timedelta = TURN,
        patience: float = PATIENCE,
        beat: float = BEAT,
    ) -> None:
        self._dispatchers = dispatchers
        self._turn = turn
        self._patience = patience
        self._beat = beat

    @activity.defn(name="outbox.dispatch")
    async def dispatch(self, share: Share) -> Turn:
        """Run a dispatcher until this worker drains, its turn is over, or it is called back.

        Heartbeats carry its progress. Raises what ended it otherwise, for the next attempt.
        """
        lost = _last_word()
        dispatcher = await self._dispatchers.engage()
        sending = asyncio.create_task(dispatcher.run(), name=f"outbox share {share.number}")
        beating = asyncio.create_task(self._beat_for_ever(dispatcher))
        try:
            ending = await self._until_over(sending)
        finally:
            dispatcher.stop(self._patience)
            try:
                await asyncio.wait([sending])  # still beating: nobody else need begin yet
            finally:
                await _cancelled(beating, sending)
        sending.result()
        progress = dispatcher.progress()
        return Turn(share=share.number, ending=ending, progress=progress, lost=lost)

    async def _until_over(self, sending: "asyncio.Task[None]") -> Ending:
        draining = asyncio.create_task(activity.wait_for_worker_shutdown())
        try:
            await asyncio.wait(
                [sending, draining],
                timeout=self._turn.total_seconds(),
                return_when=asyncio.FIRST_COMPLETED,
            )
            return Ending.MOVED if draining.done() else Ending.REPORTED
        except asyncio.CancelledError:
            # A pause must be answered with it, or the share would be offered anew.
            if _is_paused():
                raise
            return Ending.CALLED_BACK
        finally:
            await _cancelled(draining)

    async def _beat_for_ever(self, dispatcher: Dispatcher) -> None:
        while True:
            activity.heartbeat(dispatcher.progress())
            await asyncio.sleep(self._beat)


def _last_word() -> Progress | None:
    """What the dispatcher that had this share before, and did not give it back, told last."""
    told = activity.info().heartbeat_details
    return Progress.model_validate(told[0]) if told else None


def _is_paused() -> bool:
    details = activity.cancellation_details()
    return details is not None and details.paused


async def _cancelled(*tasks: "asyncio.Task[None]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
