"""Who may follow the stream of changes, and what ends it: a session, an account, a role, a policy."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.test import override_settings

from safeconduct.agreement.policy import Subject
from safeconduct.people import roles
from safeconduct.people.models import Account
from safeconduct.records import here
from safeconduct.records.door import Door
from safeconduct.records.home import Home
from safeconduct.records.principals import system_subject
from safeconduct.shell.live import Live
from safeconduct.shell.stream import BACKLOG, Stream

from .live_node import LONG, Listener, cookie, listening, run, serving, signed_in


@pytest.fixture
def node(host_home: Home) -> Iterator[Home]:
    with serving(host_home) as home:
        yield home


def test_nobody_listens_without_a_session(node: Home) -> None:
    async def story(live: Live) -> None:
        for cookies in ("", "x", f"{settings.SESSION_COOKIE_NAME}=abcdefghijklmnopqrstuvwxyz012345"):
            async with listening(live, cookies) as listener:
                assert listener.status == 403 and not listener.events

    run(story)


def test_another_host_name_is_refused(node: Home) -> None:
    async def story(live: Live) -> None:
        for host in ("evil.example", "", "localhost.evil.example", "evil.example:8001"):
            async with listening(live, "", host=host) as listener:
                assert listener.status == 400

    run(story)


def test_a_stream_ends_with_its_session(node: Home) -> None:
    _, browser = signed_in("officer", "watch_officer")

    async def story(live: Live) -> None:
        async with listening(live, cookie(browser)) as listener:
            await asyncio.to_thread(browser.post, "/accounts/logout/")
            await listener.until(lambda: listener.ended)
        async with listening(live, cookie(browser)) as listener:
            assert listener.status == 403

    run(story, beat=0.2)


def test_a_stream_ends_when_its_account_is_locked(node: Home) -> None:
    officer, browser = signed_in("officer", "watch_officer")

    async def story(live: Live) -> None:
        async with listening(live, cookie(browser)) as listener:
            await asyncio.to_thread(Account.objects.filter(pk=officer.pk).update, locked=True)
            await listener.until(lambda: listener.ended)

    run(story, beat=0.2)


def test_a_stream_ends_at_once_when_its_roles_change_and_only_then(node: Home) -> None:
    officer, browser = signed_in("officer", "watch_officer")
    _, other = signed_in("other", "watch_officer")
    administrator = system_subject("pk")._replace(roles=frozenset({"administrator"}))
    held = roles.assignments(administrator, officer.person)[0].record

    async def story(live: Live) -> None:
        async with (
            listening(live, cookie(browser)) as listener,
            listening(live, cookie(other)) as bystander,
        ):
            await asyncio.to_thread(roles.end_role, administrator, held)
            await listener.until(lambda: listener.ended)
            assert not bystander.ended

    run(story)


def test_a_stream_ends_when_the_policy_changes(node: Home) -> None:
    _, browser = signed_in("officer", "watch_officer")

    async def story(live: Live) -> None:
        async with listening(live, cookie(browser)) as listener:
            await asyncio.to_thread(suspend_a_house_rule)
            await listener.until(lambda: listener.ended)

    run(story)


def test_a_role_that_ends_while_its_stream_is_being_opened_ends_that_too(node: Home) -> None:
    officer, browser = signed_in("officer", "watch_officer")
    _, other = signed_in("other", "watch_officer")
    administrator = system_subject("pk")._replace(roles=frozenset({"administrator"}))
    held = roles.assignments(administrator, officer.person)[0].record

    async def story(live: Live) -> None:
        opened, noting = live._open, asyncio.Event()

        async def slowly(stream: Stream) -> bool:
            noting.set()
            async with asyncio.timeout(LONG):
                while stream.subject.person == officer.person and not live._roles_changed:
                    await asyncio.sleep(0.01)
            return await opened(stream)

        async with listening(live, cookie(other)) as bystander:
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(live, "_open", slowly)
                late = asyncio.create_task(one(live, cookie(browser)))
                await noting.wait()
                await asyncio.to_thread(roles.end_role, administrator, held)
                listener = await late
            assert listener.ended and not listener.messages
            assert not bystander.ended

    run(story)


async def one(live: Live, cookies: str) -> Listener:
    """A stream that is followed to its end."""
    async with listening(live, cookies) as listener:
        await listener.until(lambda: listener.ended)
    return listener


def suspend_a_house_rule() -> None:
    from conftest import SIGNATORY_KEY
    from safeconduct.node.signing_here import act

    act("house", "H2", "suspended", SIGNATORY_KEY, None, here.door())


def test_a_role_that_needs_a_second_factor_does_not_listen_without(node: Home) -> None:
    _, browser = signed_in("chief", "coordinator")

    async def story(live: Live) -> None:
        async with listening(live, cookie(browser)) as listener:
            assert listener.status == 403

    with override_settings(SECOND_FACTOR_REQUIRED=True):
        run(story)


def test_a_client_that_does_not_keep_up_is_cut_off() -> None:
    async def story() -> None:
        slow = Stream(Subject("pk", frozenset()), "", frozenset())
        for number in range(BACKLOG):
            slow.offer([b"%d" % number])
        assert len(slow.waiting) == BACKLOG and not slow.ended
        slow.offer([b"one too many"])
        slow.offer([b"after the end"])
        assert not slow.waiting and await slow.next() is None

    asyncio.run(story())


def test_without_a_writer_there_is_no_stream(node: Home, tmp_path: Path) -> None:
    alone = Home.create(tmp_path / "alone", "pk", "host", "Host")

    async def story(live: Live) -> None:
        stream = Stream(Subject("pk", frozenset()), "", frozenset())
        assert not await live._open(stream)

    with here.at(alone, Door(alone)), pytest.MonkeyPatch.context() as patched:
        patched.setattr("safeconduct.shell.live.START_TIMEOUT", 0.2)
        run(story)
