"""The dispatchers of the outbox: as many as the settings want, wherever there are workers.

It only keeps them running. Which dispatcher sends what is decided in the database, so two that
hold one share for a while, as after a network was cut, are no danger.
"""

import asyncio
import contextlib
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.outbox import OutboxActivities
from domain.outbox.messages import Share, Shift, Staffing
from domain.outbox.standing import details
from workflows.support.timeouts import DISPATCHING


@workflow.defn(name="Outbox")
class OutboxWorkflow:
    """Keeps the shares of the dispatching in the hands of workers, for ever."""

    @workflow.init
    def __init__(self, shift: Shift) -> None:
        self._staffing = shift.staffing
        self._turns = {turn.share: turn for turn in shift.turns}
        self._offered: dict[int, datetime] = {}
        self._shares: dict[int, asyncio.Task[None]] = {}
        self._is_told = True
        self._is_leaving = False

    @workflow.run
    async def run(self, shift: Shift) -> None:
        """Returns never; continues as new before its history grows long."""
        while not workflow.info().is_continue_as_new_suggested():
            self._staff()
            self._show()
            self._is_told = False
            await workflow.wait_condition(
                lambda: self._is_told or workflow.info().is_continue_as_new_suggested()
            )
        await self._leave()
        workflow.continue_as_new(self._next_shift())

    @workflow.signal(description="A process has started, and says how many dispatchers it wants.")
    def staff(self, staffing: Staffing) -> None:
        self._staffing = self._staffing.or_newer(staffing)
        self._is_told = True

    @workflow.query(description="How many dispatchers there are to be, and their last turns.")
    def standing(self) -> str:
        return workflow.get_current_details()

    def _staff(self) -> None:
        """Offer the shares that nobody has been offered, and call back those not wanted."""
        for number in range(1, self._staffing.dispatchers + 1):
            if number not in self._shares:
                self._shares[number] = asyncio.create_task(self._keep(number))
        for number in sorted(self._shares):
            if not self._is_wanted(number):
                self._call_back(number)

    def _is_wanted(self, number: int) -> bool:
        return number <= self._staffing.dispatchers and not self._is_leaving

    async def _keep(self, number: int) -> None:
        """One share, turn by turn, as long as it is wanted."""
        # It has no end but being called back, or an operator's hand.
        with contextlib.suppress(ActivityError, asyncio.CancelledError):
            while self._is_wanted(number):
                self._offered[number] = workflow.now()
                self._is_told = True
                self._turns[number] = await workflow.execute_activity_method(
                    OutboxActivities.dispatch,
                    Share(number=number),
                    summary=f"share {number} of the dispatching",
                    **DISPATCHING,
                )
        self._offered.pop(number, None)
        del self._shares[number]
        self._is_told = True

    def _call_back(self, number: int) -> None:
        if not self._shares[number].cancelling():
            self._shares[number].cancel()

    async def _leave(self) -> None:
        """No share in anybody's hands when the next run begins."""
        self._is_leaving = True
        for number in sorted(self._shares):
            self._call_back(number)
        await workflow.wait_condition(lambda: not self._shares)

    def _next_shift(self) -> Shift:
        turns = tuple(self._turns[number] for number in sorted(self._turns))
        return Shift(staffing=self._staffing, turns=turns)

    def _show(self) -> None:
        workflow.set_current_details(details(self._staffing, self._offered, self._turns))
