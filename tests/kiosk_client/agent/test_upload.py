"""Documents on their way: hash, fresh assertions, attempts, refusals."""

from __future__ import annotations

import pytest

from kiosk_client.agent.upload import Uploader, UploadFailed
from kiosk_client.devices.document_camera import Still
from link.protocol.values import Document, DocumentState, Language, Session, SessionState
from tests.kiosk_client.head_office import WEALTH, HeadOffice, enrolled, opened

STILL = Still(bytes(range(256)) * 400, "image/jpeg")


def waiting_office() -> HeadOffice:
    session = Session(
        "s1",
        SessionState.ACTIVE,
        "k",
        "k",
        "b",
        "b",
        "b",
        WEALTH,
        Language.ZH,
        documents=[Document("d1", "identity_card", DocumentState.AGREED)],
    )
    return HeadOffice(session=session)


async def test_the_document_arrives_as_it_was_taken() -> None:
    office = waiting_office()
    async with opened(office) as address:
        await Uploader(address, enrolled(office, address).headers).put("s1", "d1", STILL)
    assert office.documents == {"d1": STILL.data}


async def test_it_is_tried_again_with_a_fresh_assertion_each_time() -> None:
    office = waiting_office()
    office.upload_statuses = [503, 500, 429]
    async with opened(office) as address:
        uploader = Uploader(address, enrolled(office, address).headers, pauses_s=(0.01,) * 5)
        await uploader.put("s1", "d1", STILL)
    assert office.documents == {"d1": STILL.data}
    assert len(set(office.tokens)) == len(office.tokens) == 4


@pytest.mark.parametrize(("status", "code"), [(413, "too_large"), (422, "unprocessable")])
async def test_a_refusal_is_not_tried_again(status: int, code: str) -> None:
    office = waiting_office()
    office.upload_statuses = [status]
    async with opened(office) as address:
        uploader = Uploader(address, enrolled(office, address).headers, pauses_s=(0.01,) * 5)
        with pytest.raises(UploadFailed) as failed:
            await uploader.put("s1", "d1", STILL)
    assert failed.value.code == code
    assert len(office.tokens) == 1


async def test_a_server_that_stays_away_is_a_failure_in_the_end() -> None:
    office = waiting_office()
    async with opened(office) as address:
        headers = enrolled(office, address).headers
    with pytest.raises(UploadFailed, match="upload_failed"):
        await Uploader(address, headers, pauses_s=(0.01, 0.01)).put("s1", "d1", STILL)
