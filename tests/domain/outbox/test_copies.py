"""Whatever happens in whatever order: no copy that nobody allowed, and no message is lost."""

from dataclasses import dataclass
from datetime import UTC, datetime

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from domain.outbox.model import FINAL_STATES, MessageState, Phase, Proof, Report
from domain.outbox.rules import (
    By,
    Ruling,
    may_be_proved,
    may_become,
    rule_on,
    rule_on_unknown,
)
from domain.postage import OnUnknown

NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
S = MessageState
REPLIES = [250, 451, 554]


@dataclass
class Attempt:
    """One dispatcher's conversation: it may sleep at any point, and go on much later."""

    resends: int
    may_write_the_dot: bool = False
    reply: int | None = None  # of the server, to its final dot
    is_over: bool = False


class Copies(RuleBasedStateMachine):
    """One message as its row has it, the attempts to send it, and what the server accepted."""

    def __init__(self) -> None:
        super().__init__()
        self.state = S.QUEUED
        self.token = 0
        self.resends = 0
        self.proof: Proof | None = None
        self.attempts: dict[int, Attempt] = {}
        self.accepted = 0
        self.released = 0

    @initialize(on_unknown=st.sampled_from(OnUnknown))
    def begin(self, on_unknown: OnUnknown) -> None:
        self.on_unknown = on_unknown

    @precondition(lambda self: may_become(self.state, S.CLAIMED, By.GATE))
    @rule()
    def claim(self) -> None:
        self.token += 1
        self.state = S.CLAIMED
        self.attempts[self.token] = Attempt(self.resends)

    @precondition(lambda self: self.attempts)
    @rule(data=st.data())
    def mark(self, data: st.DataObject) -> None:
        token = self._any(data)
        if token == self.token and may_become(self.state, S.SENDING, By.ATTEMPT):
            self.state = S.SENDING
            self.attempts[token].may_write_the_dot = True

    @precondition(lambda self: self.attempts)
    @rule(data=st.data(), reply=st.sampled_from(REPLIES))
    def write_the_dot(self, data: st.DataObject, reply: int) -> None:
        attempt = self.attempts[self._any(data)]
        if attempt.may_write_the_dot and not attempt.is_over:
            attempt.may_write_the_dot = False
            attempt.reply = reply
            self.accepted += reply == 250

    @precondition(lambda self: self.attempts)
    @rule(data=st.data())
    def read_the_reply(self, data: st.DataObject) -> None:
        token = self._any(data)
        attempt = self.attempts[token]
        if attempt.reply is not None and not attempt.is_over:
            attempt.is_over = True
            is_open = self.state not in FINAL_STATES - {S.UNCERTAIN}
            report = Report(phase=Phase.DONE, code=attempt.reply)
            self._settle(token, self._ruled(report, attempt.resends))
            if token == self.token and is_open and attempt.reply == 250:
                assert self.state is S.SENT  # however late it is read, and wherever it waits

    @precondition(lambda self: self.attempts)
    @rule(data=st.data())
    def lose_the_reply(self, data: st.DataObject) -> None:
        token = self._any(data)
        attempt = self.attempts[token]
        if attempt.reply is not None and not attempt.is_over:
            attempt.is_over = True
            self._settle(token, self._ruled(Report(phase=Phase.DOT), attempt.resends))

    @precondition(lambda self: self.attempts)
    @rule(data=st.data(), phase=st.sampled_from([Phase.CONNECT, Phase.RCPT, Phase.BODY]))
    def break_off_before_the_dot(self, data: st.DataObject, phase: Phase) -> None:
        token = self._any(data)
        attempt = self.attempts[token]
        if attempt.reply is None and not attempt.is_over:
            attempt.is_over = True
            self._settle(token, self._ruled(Report(phase=phase), attempt.resends))

    @precondition(lambda self: self.state in (S.CLAIMED, S.SENDING))
    @rule()
    def let_the_lease_end(self) -> None:
        """Its dispatcher died, or sleeps and goes on afterwards."""
        if self.state is S.CLAIMED:
            self.state = S.QUEUED
        else:
            self._settle(self.token, self._unknown())

    @precondition(lambda self: may_become(self.state, S.HELD, By.GATE))
    @rule()
    def hold(self) -> None:
        """The gate does, or a person."""
        self.state = S.HELD

    @precondition(lambda self: self.state is S.HELD)
    @rule()
    def let_go(self) -> None:
        self.state = S.QUEUED

    @precondition(lambda self: self.accepted and may_become(self.state, S.EXPIRED, By.GATE))
    @rule()
    def stop_at_the_gate(self) -> None:
        self.state = S.UNCERTAIN if self.resends else S.EXPIRED

    @precondition(lambda self: self.accepted and may_be_proved(self.state, self.resends))
    @rule()
    def prove(self) -> None:
        self.state, self.proof = S.SENT, Proof.ANSWER

    @precondition(lambda self: self.state is S.UNCERTAIN)
    @rule()
    def release(self) -> None:
        """A person has the same bytes sent once more."""
        self.state = S.RETRY
        self.resends += 1
        self.released += 1

    @invariant()
    def nothing_arrives_more_often_than_was_allowed(self) -> None:
        allowed = 1 + self.released
        if self.resends and self.on_unknown is OnUnknown.RESEND_ONCE:
            allowed += 1
        assert self.accepted <= allowed

    @invariant()
    def nothing_is_lost(self) -> None:
        will_be_due = may_become(self.state, S.CLAIMED, By.GATE)
        has_a_lease = self.state in (S.CLAIMED, S.SENDING)
        assert will_be_due or has_a_lease or self.state in FINAL_STATES

    @invariant()
    def what_counts_as_sent_is_known_or_assumed(self) -> None:
        if self.state is S.SENT:
            assert self.proof is not None
            assert self.accepted or self.proof is Proof.ASSUMED

    @invariant()
    def what_failed_or_did_not_leave_did_not_arrive(self) -> None:
        if self.state in (S.FAILED, S.EXPIRED):
            assert not self.accepted

    def _any(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from(sorted(self.attempts)))

    def _unknown(self) -> Ruling:
        return rule_on_unknown(self.on_unknown, self.resends, self.token, NOW, 0.0)

    def _ruled(self, report: Report, resends: int) -> Ruling:
        return rule_on(
            report,
            on_unknown=self.on_unknown,
            resends=resends,
            attempt=self.token,
            since=NOW,
            now=NOW,
            jitter=0.0,
        )

    def _settle(self, token: int, ruling: Ruling) -> None:
        """As `adapters.db.outbox_results.finish` writes it."""
        if token != self.token or not self._may_settle(ruling):
            return
        if ruling.is_unknown and ruling.state is S.RETRY:
            self.resends += 1
        self.state, self.proof = ruling.state, ruling.proof

    def _may_settle(self, ruling: Ruling) -> bool:
        if ruling.is_unknown:
            return self.state is S.SENDING
        was_unknown = self.state is S.UNCERTAIN or self.resends > 0
        is_late = was_unknown and may_become(self.state, ruling.state, By.LATE_REPLY)
        return is_late or may_become(self.state, ruling.state, By.ATTEMPT)


TestCopies = Copies.TestCase
